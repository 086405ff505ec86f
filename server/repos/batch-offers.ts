// Which offers could run a batch job at all, by what machines have, not by what is free on them now; and what they ask.
import { sql } from "drizzle-orm";
import type { ProviderId } from "../../domain/ids.ts";
import type { FitByPlace, GpuLimit } from "../../domain/job/gpu-limit.ts";
import { coresBilled, type Holding } from "../../domain/money/quote.ts";
import type { FilterName } from "../../domain/placement/filters.ts";
import type { Removed } from "../../domain/placement/rank.ts";
import { isNode, RUNTIMES, runsImagesOwn } from "../../domain/provider/state.ts";
import type { Db } from "../deps.ts";
import { textArray } from "./arrays.ts";

export interface BatchOffersWish extends Holding {
  /** null for any */
  readonly gpuModel: string | null;
  /** dearest rate of one execution, micro-USD per hour; null: at most twice the median of what fits */
  readonly maxRate: bigint | null;
  readonly needsSandbox: boolean;
  /** who never runs its own jobs; null for nobody */
  readonly customer: string | null;
  /** maintenance must not begin before it */
  readonly until: Date;
  /** of the customer's GPUs on nodes of the cluster */
  readonly limit: GpuLimit;
  /** without a command: the program is the one that the image names */
  readonly imagesOwn: boolean;
  /** whether processes take batch jobs: in a demo */
  readonly processes: boolean;
  /** machines that get no customer's job */
  readonly heldBack: readonly ProviderId[];
}

export interface BatchOffers {
  readonly considered: number;
  /** how many each filter alone keeps away */
  readonly removed: Removed;
  /** how many would run it if it had a command; 0 where it has one */
  readonly withCommand: number;
  /** micro-USD per hour; null where none fits */
  readonly dearest: bigint | null;
  /** wallets whose machines fit at that price, and of them with one free now */
  readonly owners: number;
  readonly ownersFree: number;
  /** machines that fit but for price and limit */
  readonly fit: FitByPlace;
}

const ASKED = [
  "gpu_type",
  "gpu_count",
  "cpu_cores",
  "memory_gb",
  "storage_gb",
  "max_price",
  "sandbox",
  "tenant_limit",
] as const satisfies readonly FilterName[];

/**
 * Third-party workers ask nothing: twice the usual price is that of the other machines, where there are any.
 * Offers of approved providers but the customer's own, those in quarantine and held back, in one statement.
 */
export async function batchOffers(db: Db, wish: BatchOffersWish): Promise<BatchOffers> {
  const { gpuModel, gpuCount, cpuCores, memoryGb, diskGb, customer, limit } = wish;
  const node = sql`o.runtime = any(${textArray(RUNTIMES.filter(isNode))})`;
  const rate = sql`(o.price_per_gpu_hour * ${gpuCount}::bigint + o.price_per_cpu_hour * ${coresBilled(wish)}::bigint)`;
  const most = wish.maxRate === null ? null : wish.maxRate.toString();
  const fits = {
    gpu_type: gpuModel === null ? sql`true` : sql`o.gpu_model = ${gpuModel}`,
    gpu_count: sql`o.total_gpus >= ${gpuCount}`,
    cpu_cores: sql`p.cpu_cores >= ${cpuCores}`,
    memory_gb: sql`p.memory_gb >= ${memoryGb}`,
    storage_gb: sql`p.disk_gb >= ${diskGb}`,
    max_price: most === null ? sql`true` : sql`${rate} <= ${most}::bigint`,
    sandbox: wish.needsSandbox ? sql`o.sandboxed` : sql`true`,
    tenant_limit: gpuCount <= limit.most ? sql`true` : sql`not (${node})`,
  } as const;
  const command = wish.imagesOwn ? sql`o.runtime = any(${textArray(RUNTIMES.filter(runsImagesOwn))})` : sql`true`;
  const columns = ASKED.map((name) => sql`(not ${fits[name]})::int as ${sql.identifier(name)}`);
  const sum = ASKED.map((name) => sql.identifier(name));
  const alone = ASKED.map(
    (name) => sql`(count(*) filter (where missed = 1 and ${sql.identifier(name)} = 1))::int as ${sql.identifier(name)}`,
  );
  const [row] = await db.execute<
    Record<
      (typeof ASKED)[number] | "with_command" | "considered" | "owners" | "owners_free" | "nodes" | "others",
      number
    > & {
      dearest: string | null;
    }
  >(sql`
    with each as (
      select p.owner, o.runtime = 'external' as external, ${node} as node, ${rate} as rate, (o.available and ${gpuCount <= limit.left ? sql`true` : sql`not (${node})`} and o.free_gpus >= ${gpuCount} and o.free_cpu_cores >= ${cpuCores}
          and o.free_memory_gb >= ${memoryGb} and o.free_disk_gb >= ${diskGb}
          and (o.busy_from is null or o.busy_from >= ${wish.until.toISOString()}::timestamptz)) as free,
        (not ${command})::int as command, ${sql.join(columns, sql`, `)}
      from offers o join providers p on p.id = o.provider_id
      where o.admission = 'approved' and ${gpuCount === 0 ? sql`o.gpu_model = ''` : sql`o.gpu_model <> ''`}
        and (${customer}::text is null or p.owner <> ${customer}) and (${wish.processes} or o.runtime <> 'process')
        and o.provider_id <> all(${textArray(wish.heldBack)})
        and not exists (
          select 1 from provider_evidence e where e.provider_id = o.provider_id and e.quarantined_at is not null)),
    counted as (select *, command + ${sql.join(sum, sql` + `)} as missed from each),
    usual as (
      select coalesce(${most}::bigint, 2 * percentile_disc(0.5) within group (order by rate) filter (where not external),
        2 * percentile_disc(0.5) within group (order by rate)) as most
      from counted where missed = 0)
    select count(*)::int as considered,
      (count(*) filter (where missed = 1 and command = 1))::int as with_command, ${sql.join(alone, sql`, `)},
      (max(rate) filter (where missed = 0 and rate <= most))::text as dearest,
      (count(distinct owner) filter (where missed = 0 and rate <= most))::int as owners,
      (count(distinct owner) filter (where missed = 0 and rate <= most and free))::int as owners_free,
      (count(*) filter (where missed = max_price + tenant_limit and node))::int as nodes,
      (count(*) filter (where missed = max_price + tenant_limit and not node))::int as others
    from counted cross join usual`);
  if (!row)
    return {
      considered: 0,
      removed: {},
      withCommand: 0,
      dearest: null,
      owners: 0,
      ownersFree: 0,
      fit: { nodes: 0, others: 0 },
    };
  const removed: Removed = {};
  for (const name of ASKED) if (row[name] > 0) removed[name] = row[name];
  const dearest = row.dearest === null ? null : BigInt(row.dearest);
  const { considered, with_command: withCommand, owners, owners_free: ownersFree, nodes, others } = row;
  return { considered, removed, withCommand, dearest, owners, ownersFree, fit: { nodes, others } };
}
