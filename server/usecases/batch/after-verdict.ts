// What follows a verdict of its own: the broker's checks of who was right. Called in the transaction that decides.
import type { Evidence } from "../../../domain/verification/evidence.ts";
import type { Deps, Tx } from "../../deps.ts";
import type { Member } from "../../repos/batch-verdicts.ts";
import type { Case } from "./judge.ts";

/** @param decided cases that were decided in this transaction, written already */
export async function planChecks(
  _deps: Pick<Deps, "ids" | "settings">,
  _tx: Tx,
  _decided: readonly Case[],
  _evidenceOf: (member: Member) => Evidence,
  _now: Date,
): Promise<void> {}
