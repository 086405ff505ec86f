// From enrolment to taking work: which step a machine is at, and what to do about it.
import type { OwnProviderView } from "../../protocol/provider-views.ts";

export interface Step {
  readonly title: string;
  readonly state: "done" | "now" | "later" | "stopped";
  /** what happens in it, or what to do; "" where nothing is to be said */
  readonly detail: string;
}

type Followed = Pick<
  OwnProviderView,
  "admission" | "presence" | "drain" | "node" | "gpus" | "status" | "admission_reason"
>;

/** In order. Exactly one is `now` or `stopped`, unless all are done. */
export function stepsOf(machine: Followed): Step[] {
  const { admission, presence, node, status } = machine;
  const admitted = admission === "approved";
  const gone = admission === "rejected" || admission === "suspended" || admission === "removed";
  const gpus = machine.gpus.reduce((all, { total }) => all + total, 0);
  const seen = node ? node.state === "joined" : presence !== "unseen";
  const steps: { title: string; done: boolean; stopped?: boolean; detail: string }[] = [
    { title: "Enrolled", done: true, detail: `${gpus === 1 ? "1 GPU" : `${gpus} GPUs`} found.` },
    {
      title: "Approved",
      done: admitted,
      stopped: gone,
      detail: gone ? machine.admission_reason : "An operator of this broker looks at it. Nothing is left to do.",
    },
    ...(node
      ? [
          {
            title: "Join command",
            done: node.state !== "waiting-for-approval" && node.state !== "issuing",
            detail: "It is being made.",
          },
          { title: "Joined the cluster", done: seen, detail: NODE_WORDS[node.state] },
        ]
      : [{ title: "First report", done: seen, detail: "Start the agent on the machine: it reports within seconds." }]),
    {
      title: "Takes work",
      done: status === "available" || status === "draining",
      detail:
        status === "offline"
          ? "It is out of reach: look at the agent there."
          : "It clears away what it held before; the next clean report is enough.",
    },
  ];
  let reached = false;
  return steps.map(({ title, done, stopped = false, detail }) => {
    if (reached) return { title, state: "later", detail: "" };
    if (done) return { title, state: "done", detail: title === "Enrolled" ? detail : "" };
    reached = true;
    return { title, state: stopped ? "stopped" : "now", detail };
  });
}

const NODE_WORDS = {
  "waiting-for-approval": "",
  issuing: "",
  "waiting-for-node": "Run the join command on the machine, as root. It is on its page.",
  joined: "",
  "not-ready": "Its kubelet joined and is not ready yet.",
  gone: "Its node left the cluster: start the kubelet again, or make a new join command.",
} as const satisfies Record<NonNullable<OwnProviderView["node"]>["state"], string>;
