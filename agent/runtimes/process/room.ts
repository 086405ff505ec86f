// Where an execution's commands run: in a sandbox (sandbox.ts) or, where the machine has none, merely apart (plain.ts).
import type { Socket } from "node:net";

/** How to start one command of the execution. */
export interface Launch {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
}

export interface Room {
  /** HOME as the execution sees it. */
  readonly home: string;
  /** Pid of the process all others in it die with; null where there is none. */
  readonly initPid: number | null;
  launch(argv: readonly string[], environment: Readonly<Record<string, string>>): Promise<Launch>;
  /** Connects to a port listened on inside. Rejects where there is none, or where that cannot be told. */
  connect(port: number): Promise<Socket>;
  /** Resolves when the room is gone by itself, with why. */
  readonly gone: Promise<string>;
  /** Ends all that runs inside: asks first, then kills. Resolves when nothing is left. */
  end(graceMs: number): Promise<void>;
}
