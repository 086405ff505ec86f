// Operators admit machines, turn them away, and stop those that must not go on.
import { type Principal, requireOperator } from "../../../domain/account/principal.ts";
import type { ExecutionId, ProviderId } from "../../../domain/ids.ts";
import { type AdmissionDecision, admissionAfter } from "../../../domain/provider/admission.ts";
import type { Admission } from "../../../domain/provider/state.ts";
import type { Deps, Tx } from "../../deps.ts";
import { liftQuarantine } from "../../repos/batch-checks.ts";
import { recordEvent } from "../../repos/events.ts";
import { lockLiveOn, writeDesire } from "../../repos/executions.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { wakeLiveOn } from "../../repos/presence.ts";
import { lockProviderRow, type ProviderRow, updateProvider } from "../../repos/providers.ts";
import { nodeRing, noSuchProvider } from "./owned.ts";

type AdmissionDeps = Pick<Deps, "db" | "clock" | "queue" | "settings">;

/** Also takes back a rejection or a suspension, and lifts a quarantine. @throws AppError `forbidden`, `not-found`, `conflict` */
export async function approveProvider(deps: AdmissionDeps, operator: Principal, id: ProviderId): Promise<void> {
  await decide(deps, operator, id, "approve", "");
}

/** @throws AppError `forbidden`, `not-found`, `conflict` */
export async function rejectProvider(
  deps: AdmissionDeps,
  operator: Principal,
  id: ProviderId,
  reason: string,
): Promise<void> {
  await decide(deps, operator, id, "reject", reason);
}

/** Ends what runs there. @throws AppError `forbidden`, `not-found`, `conflict` */
export async function suspendProvider(
  deps: AdmissionDeps,
  operator: Principal,
  id: ProviderId,
  reason: string,
): Promise<void> {
  await decide(deps, operator, id, "suspend", reason);
}

type Decision = Exclude<AdmissionDecision, "remove">;

const TOLD = {
  approve: (name: string, before: Admission) => `${name} was ${before === "suspended" ? "reinstated" : "admitted"}.`,
  reject: (name: string) => `${name} was turned away.`,
  suspend: (name: string) => `${name} was suspended; what ran there ends.`,
} as const satisfies Record<Decision, (name: string, before: Admission) => string>;

async function decide(
  deps: AdmissionDeps,
  operator: Principal,
  id: ProviderId,
  decision: Decision,
  reason: string,
): Promise<void> {
  requireOperator(operator, deps.settings.operators);
  const now = deps.clock.now();
  const { woken, ringNode } = await deps.db.transaction(async (tx) => {
    const provider = await lockProviderRow(tx, id);
    if (!provider) throw noSuchProvider();
    const lifted = decision === "approve" && (await liftQuarantine(tx, id));
    if (lifted)
      await recordEvent(tx, {
        subject: id,
        code: "quarantine-lifted",
        message:
          provider.admission === "removed"
            ? `An operator lifted the quarantine of ${provider.name}, which was removed: other machines of its owner are held back for it no more.`
            : `${provider.name} gets work again: an operator lifted its quarantine.`,
        actor: operator.account,
        at: now,
      });
    // Whoever is admitted already, or gone, needs no other decision than that.
    const isOnlyLifted = lifted && (provider.admission === "approved" || provider.admission === "removed");
    const admission = isOnlyLifted ? provider.admission : admissionAfter(provider.admission, decision);
    if (admission !== provider.admission) {
      await updateProvider(tx, id, { admission, admissionReason: reason });
      await recordEvent(tx, {
        subject: id,
        code: `provider-${admission}`,
        message: [TOLD[decision](provider.name, provider.admission), reason].filter(Boolean).join(" "),
        data: { from: provider.admission, reason },
        actor: operator.account,
        at: now,
      });
    }
    if (decision === "suspend") await endWhatRuns(tx, provider, reason, now);
    await recomputeOffers(tx, id);
    return { woken: await wakeLiveOn(tx, id, now), ringNode: await nodeRing(deps, tx, id, now) };
  });
  await ringAll(deps, woken);
  await ringNode();
}

/** What waits or starts is tried elsewhere by its own reconcile; what runs is stopped, and charged no further. */
async function endWhatRuns(tx: Tx, { id, name }: ProviderRow, why: string, now: Date): Promise<void> {
  for (const execution of await lockLiveOn(tx, id)) {
    const runs = execution.status === "running" || execution.status === "unreachable";
    if (!runs || execution.desired === "stop") continue;
    const stop = { desired: "stop", stopReason: "provider-suspended", stopRequestedAt: now } as const;
    await writeDesire(tx, execution.id, stop, now);
    await recordEvent(tx, {
      subject: execution.jobId,
      code: "stop-requested",
      message: `The operators of this broker suspended ${name}: ${why.replace(/[.!]?$/, ".")} Billing ends here.`,
      data: { provider_id: id, reason: "provider-suspended" },
      at: now,
    });
  }
}

export async function ringAll({ queue }: Pick<Deps, "queue">, woken: readonly ExecutionId[]): Promise<void> {
  await Promise.all(woken.map((execution) => queue.ring("execution.reconcile", { id: execution })));
}
