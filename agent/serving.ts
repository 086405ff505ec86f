// What a provider's status means to the person at the machine.
import type { ProviderStatus } from "../domain/provider/state.ts";

const MEANING: Record<ProviderStatus, { readonly serving: boolean; readonly next: string }> = {
  pending: { serving: false, next: "Wait: an operator of the broker has to approve this machine." },
  rejected: { serving: false, next: "An operator turned this machine away; the notices say why." },
  suspended: { serving: false, next: "An operator suspended this machine; the notices say why." },
  removed: { serving: false, next: "This provider was removed. berth-agent uninstall --purge, then enrol anew." },
  approved: {
    serving: true,
    next: "Approved; its first full report, or joining the cluster where it is to be a node, makes it available.",
  },
  joined: { serving: true, next: "The broker waits until what it has ended is gone from this machine." },
  available: { serving: true, next: "Nothing to do: it takes work." },
  draining: { serving: true, next: "It takes no new work. Take work again: berth-agent drain --resume." },
  quarantined: {
    serving: true,
    next: "It was caught with wrong results and takes no new work: see its page at the broker.",
  },
  offline: { serving: true, next: "The broker counts it as offline until its next beat." },
};

/** Whether the broker has taken the machine, and what comes next. */
export function providerStatusIsServing(status: ProviderStatus): { serving: boolean; next: string } {
  return MEANING[status];
}
