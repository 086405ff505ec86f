// What the SSH side of an execution is given: the room it leads into, and who may come in.
import type { Room } from "./room.ts";
import type { WorkspaceLog } from "./workspace-log.ts";

export interface Door {
  readonly hostKey: string;
  readonly room: Room;
  /** authorized_keys lines as they are now. */
  readonly keys: () => Promise<readonly string[]>;
  /** Variables of the execution as they are now. */
  readonly environment: (term: string | undefined) => Promise<Readonly<Record<string, string>>>;
  readonly log: WorkspaceLog;
}
