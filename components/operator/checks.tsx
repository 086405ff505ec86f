// What to look at before a machine is admitted.
import { Fragment } from "react";
import type { OperatorProviderView } from "../../protocol/views.ts";
import { Owner, Sharers } from "./provider-words.tsx";

export function Checks({ provider }: { readonly provider: OperatorProviderView }) {
  const { declared, shares_gpus_with: sharers, sandboxed, host, hostname, runtime } = provider;
  const facts = [
    ["GPUs", declared ? "named by the owner; no driver confirmed them" : "read from the driver"],
    [
      "Same GPU elsewhere",
      sharers.length > 0 ? (
        <b key="sharers" className="font-[620] text-bad">
          <Sharers names={sharers} />
        </b>
      ) : (
        "on no other machine"
      ),
    ],
    ["Address for customers", host],
    ["Calls itself", hostname],
    ["Runs", `${runtime}${sandboxed ? ", sandboxed" : ", without a sandbox"}`],
    ["Owner, with all its machines", <Owner key="owner" owner={provider.owner} />],
  ] as const;
  return (
    <dl className="facts mt-3">
      {facts.map(([term, words]) => (
        <Fragment key={term}>
          <dt>{term}</dt>
          <dd>{words}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
