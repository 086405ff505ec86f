// What the owner of a machine should do something about, worst first. Sentences for people; no rule is taken from them.

import { type HeldBackBy, heldBackSentence } from "../../../domain/verification/held-back.ts";
import type { NodeView } from "../../../protocol/provider-views.ts";
import type { GpuRow } from "../../repos/gpus.ts";
import type { ProviderRow } from "../../repos/providers.ts";

/** A duplicate of an identity is told for as long. */
export const TWO_AGENTS_SHOWN_MS = 3_600_000;

export interface NoticeFacts {
  readonly provider: ProviderRow;
  /** why it is in quarantine; null where it is not */
  readonly quarantine: string | null;
  /** another machine of its owner is in quarantine */
  readonly heldBack: HeldBackBy | null;
  readonly gpus: readonly GpuRow[];
  readonly node: Omit<NodeView, "join_command"> | null;
  /** the join command ran out before the machine joined */
  readonly joinExpired: boolean;
  /** when two agents last spoke with its identity, within the last hour */
  readonly twoAgentsAt: Date | null;
  readonly liveExecutions: number;
}

export function noticesFor(facts: NoticeFacts): string[] {
  const { provider, gpus, twoAgentsAt } = facts;
  if (provider.admission === "removed") return ["This machine was removed; its key enrols nothing any more."];
  return [
    ...refused(provider),
    ...quarantined(facts),
    ...heldBackToo(facts),
    ...(twoAgentsAt
      ? [
          "Two agents speak with the identity of this machine. Stop one of them; if it is none of yours, remove the machine and enrol it with a new key.",
        ]
      : []),
    ...gpus
      .filter(({ present }) => !present)
      .map(
        ({ index, model }) => `GPU ${index} (${model}) is gone from the machine's report. Look at nvidia-smi there.`,
      ),
    ...silent(provider),
    ...nodeNotices(facts),
    ...waiting(provider),
    ...draining(facts),
  ];
}

function refused({ admission, admissionReason }: ProviderRow): string[] {
  const why = admissionReason ? ` ${admissionReason}` : "";
  if (admission === "suspended")
    return [`An operator suspended this machine: it takes no work.${why} Put that right and ask them to take it back.`];
  if (admission === "rejected") return [`An operator turned this machine away.${why}`];
  return [];
}

function quarantined({ quarantine, provider }: NoticeFacts): string[] {
  if (quarantine === null || provider.admission !== "approved") return [];
  const why = quarantine === "" ? "" : ` ${quarantine}`;
  return [
    `It is in quarantine: it takes no new work, batch jobs or rentals; rentals that run go on.${why} If that is wrong, appeal below: an operator can lift it.`,
  ];
}

function heldBackToo({ heldBack, quarantine, provider }: NoticeFacts): string[] {
  if (heldBack === null || quarantine !== null || provider.admission !== "approved") return [];
  return [heldBackSentence(heldBack)];
}

function silent({ presence, runtime }: ProviderRow): string[] {
  if (presence !== "offline") return [];
  return [
    runtime === "kubernetes"
      ? "Its node is not ready. Look at the kubelet there: systemctl status kubelet."
      : "Nothing is heard of it. Look at the agent there: systemctl status berth-agent, then berth-agent status.",
  ];
}

function nodeNotices({ node, joinExpired, provider }: NoticeFacts): string[] {
  if (!node || provider.admission !== "approved") return [];
  const { state, allocatable_gpus: allocatable, declared_gpus: declared } = node;
  if (state === "gone")
    return [
      `The node ${node.node_name} was deleted from the cluster. Start its kubelet again, or make a new join command.`,
    ];
  if (joinExpired) return ["The join command ran out before the machine joined. Make a new one."];
  if (state === "joined" && allocatable !== null && allocatable !== declared)
    return [
      `The cluster offers ${allocatable} of the ${declared} GPUs that the machine reports. Look at the device plugin there.`,
    ];
  return [];
}

function waiting({ admission, presence, runtime }: ProviderRow): string[] {
  if (admission === "pending") return ["It waits for an operator of this broker to approve it. Nothing is left to do."];
  if (admission !== "approved") return [];
  if (presence === "unseen" && runtime !== "kubernetes")
    return ["It was enrolled and not heard yet. Start the agent there: berth-agent install, or berth-agent start."];
  if (presence === "joined") return ["It still clears away what ended. It takes work when its next report is clean."];
  return [];
}

function draining({ provider, liveExecutions }: NoticeFacts): string[] {
  if (provider.drain === "none" || provider.admission !== "approved") return [];
  const why = provider.drain === "maintenance" ? "It is in announced maintenance" : "It drains";
  if (liveExecutions === 0) return [`${why}: nothing runs there, and no new work comes.`];
  const runs = liveExecutions === 1 ? "1 execution runs" : `${liveExecutions} executions run`;
  return [`${why}: ${runs} to the end, and no new work comes.`];
}
