// Machines as their owner and operators see them: each kind of row read once for all of them.
import type { z } from "zod";
import type { Principal } from "../../../domain/account/principal.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import { effective } from "../../../domain/provider/maintenance.ts";
import { UPTIME_SPAN_MS, uptime } from "../../../domain/provider/uptime.ts";
import { Heartbeat } from "../../../protocol/agent.ts";
import type { OwnProviderView } from "../../../protocol/provider-views.ts";
import type { Deps } from "../../deps.ts";
import { earnedBy } from "../../repos/earnings.ts";
import { type GpuRow, gpusOf } from "../../repos/gpus.ts";
import {
  executionsOn,
  gpuOffersOf,
  lastOf,
  nodesOf,
  type OwnProviderRow,
  windowsOf,
} from "../../repos/own-providers.ts";
import { downtimesOf, firstSeen } from "../../repos/uptime.ts";
import { heldBackNow } from "../batch/owner-groups.ts";
import { toMaintenanceView } from "./announce-maintenance.ts";
import { joinExpired, toNodeView } from "./node-view.ts";
import { noticesFor, TWO_AGENTS_SHOWN_MS } from "./own-notices.ts";
import { toProviderView } from "./provider-view.ts";

export type OwnViewDeps = Pick<Deps, "db" | "clock" | "settings" | "secrets">;

/** In the order given. @param viewer the owner of all of them, or an operator */
export async function toOwnProviderViews(
  deps: OwnViewDeps,
  rows: readonly OwnProviderRow[],
  viewer: Principal,
): Promise<OwnProviderView[]> {
  if (rows.length === 0) return [];
  const now = deps.clock.now();
  const facts = await readFacts(deps, rows, now);
  return rows.map((row) => toView(deps, row, facts, viewer, now));
}

async function readFacts({ db, settings }: OwnViewDeps, rows: readonly OwnProviderRow[], now: Date) {
  const ids = rows.map(({ provider }) => provider.id);
  const since = new Date(now.getTime() - UPTIME_SPAN_MS);
  const hourAgo = new Date(now.getTime() - TWO_AGENTS_SHOWN_MS);
  const [models, gpus, executions, downtimes, windows, nodes, earned, seen, twoAgents, heldBack] = await Promise.all([
    gpuOffersOf(db, ids),
    gpusOf(db, ids),
    executionsOn(db, ids),
    downtimesOf(db, ids, since),
    windowsOf(db, ids, since),
    nodesOf(db, ids),
    earnedBy(db, ids),
    firstSeen(db, ids),
    lastOf(db, ids, "two-agents", hourAgo),
    heldBackNow(db, now, settings.demo, { about: ids }),
  ]);
  return {
    since,
    models: byProvider(models),
    gpus: byProvider(gpus),
    executions: byProvider(executions),
    downtimes: byProvider(downtimes),
    windows: byProvider(windows),
    nodes: new Map(nodes.map((node) => [node.providerId, node])),
    earned,
    seen,
    twoAgents,
    heldBack,
  };
}
type Facts = Awaited<ReturnType<typeof readFacts>>;

function byProvider<R extends { readonly providerId: string }>(rows: readonly R[]): ReadonlyMap<string, R[]> {
  const all = new Map<string, R[]>();
  for (const row of rows) all.set(row.providerId, [...(all.get(row.providerId) ?? []), row]);
  return all;
}

function toView(
  { secrets }: OwnViewDeps,
  row: OwnProviderRow,
  facts: Facts,
  viewer: Principal,
  now: Date,
): OwnProviderView {
  const { provider, lastSeenAt, quarantine } = row;
  const { id } = provider;
  const gpus = facts.gpus.get(id) ?? [];
  const executions = facts.executions.get(id) ?? [];
  const downtimes = facts.downtimes.get(id) ?? [];
  const windows = facts.windows.get(id) ?? [];
  const nodeRow = facts.nodes.get(id);
  // A key that may only read does not make machines join.
  const forOwner = viewer.account === provider.owner && viewer.scopes.includes("providers");
  const present = gpus.filter((gpu) => gpu.present);
  const node = nodeRow ? toNodeView(nodeRow, provider.admission, present.length, { secrets, now, forOwner }) : null;
  const first = facts.seen.get(id);
  const since = new Date(Math.max(facts.since.getTime(), (first ?? now).getTime()));
  const up = uptime(since, now, downtimes, windows.map(effective));
  const earned = facts.earned.get(id) ?? { cash: 0n, promotion: 0n };
  const usage = provider.presence === "offline" ? null : readUsage(row.usage);
  return {
    ...toProviderView({ provider, lastSeenAt, models: facts.models.get(id) ?? [], quarantine }),
    admission: provider.admission,
    admission_reason: provider.admissionReason,
    drain: provider.drain,
    presence: provider.presence,
    host: provider.host,
    hostname: provider.hostname,
    architecture: provider.architecture,
    addresses: [...provider.addresses],
    uptime: up.fraction,
    downtime_seconds: Math.floor(up.downMs / 1000),
    downtimes: downtimes.map(({ startedAt, endedAt }) => ({
      started_at: startedAt.toISOString(),
      ended_at: endedAt?.toISOString() ?? null,
    })),
    maintenance: windows
      .filter(({ closedAt, endsAt }) => closedAt === null && endsAt > now)
      .map((window) => toMaintenanceView(window, now)),
    earned: formatMicros(earned.cash + earned.promotion),
    earned_promotion: formatMicros(earned.promotion),
    executions: executions.map((execution) => ({
      id: execution.id,
      kind: execution.kind,
      status: execution.status,
      gpu_count: execution.gpuCount,
      cpu_cores: execution.cpuCores,
      memory_gb: execution.memoryGb,
      disk_gb: execution.diskGb,
      price_per_hour: formatMicros(execution.rate),
      started_at: execution.startedAt?.toISOString() ?? null,
      expires_at: execution.expiresAt?.toISOString() ?? null,
    })),
    gpu_list: gpus.map((gpu) => toGpuView(gpu, usage)),
    usage: usage && { cpu_percent: usage.cpu_percent, memory_used_mb: usage.memory_used_mb },
    node,
    notices: noticesFor({
      provider,
      quarantine,
      heldBack: facts.heldBack.get(id) ?? null,
      gpus,
      node,
      joinExpired: nodeRow ? joinExpired(nodeRow, now) : false,
      twoAgentsAt: facts.twoAgents.get(id) ?? null,
      liveExecutions: executions.length,
    }),
  };
}

const Usage = Heartbeat.shape.usage;

/** Of the last beat; a message of the seed's streams may have brought none. */
function readUsage(usage: unknown): z.infer<typeof Usage> | null {
  const read = Usage.safeParse(usage);
  return read.success ? read.data : null;
}

function toGpuView(gpu: GpuRow, usage: z.infer<typeof Usage> | null): OwnProviderView["gpu_list"][number] {
  const told = gpu.present ? usage?.gpus.find(({ uuid }) => uuid === gpu.uuid) : undefined;
  return {
    index: gpu.index,
    model: gpu.model,
    uuid: gpu.uuid,
    vram_mb: gpu.vramMb,
    driver: gpu.driver,
    declared: gpu.declared,
    present: gpu.present,
    execution_id: gpu.executionId,
    utilization_percent: told?.utilization_percent ?? null,
    memory_used_mb: told?.memory_used_mb ?? null,
  };
}
