// The nodes, a row each; on a phone a card each.
import Link from "next/link";
import type { NetworkNodeView } from "../../protocol/node-views.ts";
import { gpuName } from "../ui/gpu-name.ts";
import { Status } from "../ui/status.tsx";
import { type Column, Table } from "../ui/table.tsx";
import { decayedCount, share } from "./network-query.ts";

export function gpusOf({ gpus, gpu_model: model, gpu_enabled: enabled }: NetworkNodeView): string {
  if (gpus.length > 0) return gpus.map(({ total, model: each }) => `${total} × ${gpuName(each)}`).join(", ");
  if (!enabled) return "none";
  return model ? gpuName(model) : "yes";
}

const COLUMNS: readonly Column<NetworkNodeView>[] = [
  {
    head: "Node",
    cell: (node) => (
      <span className="flex flex-wrap items-center gap-x-2 gap-y-1">
        <Link className="link font-[540]" href={`/network/${node.provider_id}`} prefetch={false}>
          {node.name}
        </Link>
        {node.evidence.quarantined && <Status status="quarantined" />}
      </span>
    ),
  },
  { head: "Status", cell: ({ status }) => <Status status={status} /> },
  { head: "GPUs", cell: gpusOf, span: "double" },
  { head: "Region", cell: ({ region }) => region || "not told" },
  { head: "Owner", cell: ({ owner_short: owner }) => owner, span: "double", className: "num" },
  { head: "Reputation", cell: ({ reputation_score: score }) => score, right: true, className: "num" },
  { head: "Verified", cell: ({ evidence }) => decayedCount(evidence.verified), right: true, className: "num" },
  { head: "Wrong", cell: ({ evidence }) => decayedCount(evidence.bad), right: true, className: "num" },
  { head: "Jobs run", cell: ({ total_jobs_run: run }) => run, right: true, className: "num" },
  {
    head: "Success",
    cell: ({ success_rate: rate }) => (rate === null ? <span className="text-ink-3">none yet</span> : share(rate)),
    right: true,
    className: "num",
  },
];

export function NodesTable({ nodes }: { readonly nodes: readonly NetworkNodeView[] }) {
  return <Table caption="Nodes" columns={COLUMNS} rows={nodes} keyOf={({ provider_id: id }) => id} />;
}
