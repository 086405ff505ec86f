// What to look at before a machine is admitted.
import type { OperatorProviderView } from "../../protocol/provider-views.ts";
import { Fact, Facts } from "../ui/facts.tsx";
import { Owner, Sharers } from "./provider-words.tsx";

export function Checks({ provider }: { readonly provider: OperatorProviderView }) {
  const { declared, shares_gpus_with: sharers, sandboxed, host, hostname, runtime } = provider;
  return (
    <Facts className="mt-3">
      <Fact name="GPUs">{declared ? "named by the owner; no driver confirmed them" : "read from the driver"}</Fact>
      <Fact name="Same GPU elsewhere">
        {sharers.length > 0 ? (
          <b className="font-[620] text-bad">
            <Sharers names={sharers} />
          </b>
        ) : (
          "on no other machine"
        )}
      </Fact>
      <Fact name="Address for customers">{host}</Fact>
      <Fact name="Calls itself">{hostname}</Fact>
      <Fact name="Runs">
        {runtime}, {sandboxed ? "sandboxed" : "without a sandbox"}
      </Fact>
      <Fact name="Owner, with all its machines">
        <Owner owner={provider.owner} />
      </Fact>
    </Facts>
  );
}
