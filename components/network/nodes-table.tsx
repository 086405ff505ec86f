// The nodes, a row each; on a phone a card each.
import Link from "next/link";
import type { NetworkNodeView } from "../../protocol/node-views.ts";
import { gpuName } from "../ui/gpu-name.ts";
import { Status } from "../ui/status.tsx";
import { decayedCount, share, standingOf } from "./network-query.ts";

export function gpusOf({ gpus, gpu_model: model, gpu_enabled: enabled }: NetworkNodeView): string {
  if (gpus.length > 0) return gpus.map(({ total, model: each }) => `${total} × ${gpuName(each)}`).join(", ");
  if (!enabled) return "none";
  return model ? gpuName(model) : "yes";
}

export function NodesTable({ nodes }: { readonly nodes: readonly NetworkNodeView[] }) {
  return (
    <table className="table">
      <caption className="sr-only">Nodes</caption>
      <thead>
        <tr>
          <th scope="col">Node</th>
          <th scope="col">Status</th>
          <th scope="col">GPUs</th>
          <th scope="col">Region</th>
          <th scope="col">Owner</th>
          <th scope="col" className="r">
            Reputation
          </th>
          <th scope="col" className="r">
            Verified
          </th>
          <th scope="col" className="r">
            Wrong
          </th>
          <th scope="col" className="r">
            Jobs run
          </th>
          <th scope="col" className="r">
            Success
          </th>
        </tr>
      </thead>
      <tbody>
        {nodes.map((node) => (
          <tr key={node.provider_id}>
            <td data-wide="">
              <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
                <Link className="link font-[540]" href={`/network/${node.provider_id}`} prefetch={false}>
                  {node.name}
                </Link>
                {standingOf(node) === "quarantined" && <Status status="quarantined" />}
              </span>
            </td>
            <td data-label="Status">
              <Status status={node.status} />
            </td>
            <td data-label="GPUs" data-double="">
              {gpusOf(node)}
            </td>
            <td data-label="Region">{node.region || "not told"}</td>
            <td data-label="Owner" data-double="" className="num">
              {node.owner_short}
            </td>
            <td data-label="Reputation" className="r num">
              {node.reputation_score}
            </td>
            <td data-label="Verified" className="r num">
              {decayedCount(node.evidence.verified)}
            </td>
            <td data-label="Wrong" className="r num">
              {decayedCount(node.evidence.bad)}
            </td>
            <td data-label="Jobs run" className="r num">
              {node.total_jobs_run}
            </td>
            <td data-label="Success" className="r num">
              {node.success_rate === null ? <span className="text-ink-3">none yet</span> : share(node.success_rate)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
