// The one way a provider's presence changes: the edge, what it costs, and what it wakes.
import type { ExecutionId } from "../../../domain/ids.ts";
import type { PresenceEvent } from "../../../domain/provider/state.ts";
import type { Tx } from "../../deps.ts";
import type { ProviderRow } from "../../repos/providers.ts";

export interface EdgeFacts {
  readonly now: Date;
  /** start of the silence, where there is one */
  readonly silentSince: Date | null;
  /** for people: what was seen */
  readonly message: string;
}

/**
 * Writes the edge of a locked provider with its event, downtime, offers and reputation. Ring what it returns after the
 * commit.
 * @returns live executions to look at; null where the table has no such edge and nothing was written
 */
export async function writePresenceEdge(
  _tx: Tx,
  _locked: ProviderRow,
  _event: PresenceEvent,
  _facts: EdgeFacts,
): Promise<ExecutionId[] | null> {
  throw new Error("UNBUILT");
}
