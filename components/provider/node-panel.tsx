"use client";
// The node side of a machine: the command that makes it join, and what the cluster shows of it.
import { useActionState } from "react";
import type { OwnProviderView } from "../../protocol/provider-views.ts";
import { Panel } from "../shell/page.tsx";
import { CopyLine } from "../ui/copy-line.tsx";
import { Fact, Facts } from "../ui/facts.tsx";
import { type FormAction, UNTOUCHED } from "../ui/form-state.ts";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";
import { Moment } from "../ui/time.tsx";

type Node = NonNullable<OwnProviderView["node"]>;

const WORDS = {
  "waiting-for-approval": "It waits for approval; the join command comes with it.",
  issuing: "The join command is being made.",
  "waiting-for-node": "The machine has not joined yet.",
  joined: "It joined the cluster.",
  "not-ready": "It joined; its kubelet is not ready.",
  gone: "Its node is not in the cluster any more.",
} as const satisfies Record<Node["state"], string>;

export function NodePanel({ node, renew }: { readonly node: Node; readonly renew: FormAction }) {
  const [state, send] = useActionState(renew, UNTOUCHED);
  const needsNew = (node.state === "waiting-for-node" && node.join_command === null) || node.state === "gone";
  return (
    <Panel title="Cluster node">
      <p className="text-cell">{WORDS[node.state]}</p>
      {node.join_command && (
        <div className="mt-3 grid gap-2">
          <p className="text-ink-2 text-small">
            Run it on the machine, as root
            {node.expires_at && (
              <>
                , before <Moment at={node.expires_at} />
              </>
            )}
            :
          </p>
          <CopyLine text={node.join_command} label="Copy the join command" prompt="#" />
        </div>
      )}
      <Facts className="mt-3">
        <Fact name="Node" className="num">
          {node.node_name}
        </Fact>
        {node.allocatable_gpus !== null && (
          <Fact name="GPUs, allocatable of reported" className="num">
            {node.allocatable_gpus} of {node.declared_gpus}
          </Fact>
        )}
        {node.kubelet_version && (
          <Fact name="Kubelet" className="num">
            {node.kubelet_version}
          </Fact>
        )}
      </Facts>
      {needsNew && (
        <form action={send} className="mt-3 grid justify-items-start gap-2">
          <Submit small waiting="Making…">
            Make a new join command
          </Submit>
          <Refused state={state} />
        </form>
      )}
    </Panel>
  );
}
