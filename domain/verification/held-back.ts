// Who is set aside beside a caught machine: newcomers of whoever owns it. Quarantine is one machine's, and a new one costs nothing.
import type { BatchPurpose } from "../job/batch.ts";
import { isExternal, type Runtime } from "../provider/state.ts";
import { RULES } from "./constants.ts";
import { type Evidence, isProven } from "./evidence.ts";
import { type GroupRules, isSomebody, plain } from "./groups.ts";

/** Whose a machine is: the wallet that owns it, and the name of its owner group. */
export interface Belonging {
  readonly owner: string;
  readonly group: string;
}

/**
 * Accounts that have a machine in quarantine and owner groups that have such a third-party worker, removed ones too: who
 * leaves does not begin anew.
 */
export interface Caught {
  readonly accounts: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
}

export function caughtOwners(
  machines: readonly (Belonging & { readonly runtime: Runtime })[],
  rules: GroupRules,
): Caught {
  const accounts = machines.map(({ owner }) => plain(owner)).filter((owner) => isSomebody(owner, rules));
  const groups = machines.filter(({ runtime }) => isExternal(runtime)).map(({ group }) => group);
  return { accounts: new Set(accounts), groups: new Set(groups) };
}

/** What it is held back for: another machine of its account in quarantine, or of another account in its owner group. */
export type HeldBackBy = "account" | "group";

/**
 * A machine with a record of its own (proven) answers for itself alone. Any other stands for its owner, whether it came before
 * the catch or after it. Wallets cost nothing either, so third-party workers, whose networks were seen and not claimed, stand
 * for their owner group too; an agent claims what joins it to others, and no liar may hold back a stranger's machines.
 * @returns null where it gets customers' jobs
 */
export function heldBackBy(
  machine: Belonging & { readonly runtime: Runtime; readonly evidence: Evidence },
  { accounts, groups }: Caught,
): HeldBackBy | null {
  if (isProven(machine.evidence)) return null;
  if (accounts.has(plain(machine.owner))) return "account";
  return isExternal(machine.runtime) && groups.has(machine.group) ? "group" : null;
}

/** What those who are held back may still run: checks by which they come to a record. What three others have to settle is none. */
export function isOpenToHeldBack(purpose: BatchPurpose): boolean {
  return purpose === "canary" || purpose === "audit";
}

/** Why a machine gets nothing of customers, and until when. */
export function heldBackSentence(by: HeldBackBy): string {
  const whose = by === "account" ? "of its owner" : "that is taken for its owner's, by the network it calls from,";
  return `Another machine ${whose} is in quarantine, and it has no record of its own. Until it has ${RULES.provenAt} verified results, or an operator lifts that quarantine, it gets checks of the broker only and no customer's batch jobs.`;
}
