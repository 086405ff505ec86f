// A market of a hundred thousand providers, read while it changes: what the database does, what the process does.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { sql } from "drizzle-orm";
import { MARKET_SORTS } from "../domain/placement/facets.ts";
import type { SearchQuery } from "../protocol/operations/provider.ts";
import { readSearch } from "../protocol/search-text.ts";
import type { Deps } from "../server/deps.ts";
import { marketChanges, marketMoment } from "../server/repos/market.ts";
import { LiveMarket } from "../server/usecases/provider/live-market.ts";
import { searchOffers } from "../server/usecases/provider/search-offers.ts";
import { latencyRow, type Measured, measure, type Row, times } from "./measure.ts";

const PROVIDERS = 100_000; // two offers each
const RUNS = 60;
const CHANGES_PER_SECOND = 100;
const BAR_MS = 20;

/** Each filter alone, with a value many meet and one that few or none do; then what people combine. */
const ALONE = [
  ...["", "gpu=model-0", "gpu=model-19", "gpu=model-1&gpu=model-7&gpu=model-19", "not_gpu=model-0", "region=region-0"],
  ...["region=region-11", "not_region=region-0", "status=available", "status=offline", "runtime=docker"],
  ...["provider=prov_00000000000000000000099999", "declared=false", "sandboxed=false", "hours=24", "hours=720"],
  ...["min_vram_mb=24576", "min_vram_mb=196608", "max_vram_mb=16384", "min_gpus=1", "min_gpus=8", "max_gpus=0"],
  ...["min_total_gpus=8", "max_total_gpus=0", "min_cpu=4", "min_cpu=4000", "max_cpu=1", "min_ram=65536"],
  ...["min_ram=524288", "max_ram=1024", "min_disk=100", "min_disk=16000", "max_disk=10", "min_price=1.900000"],
  ...["max_price=0.500000", "max_price=0.000001", "min_reputation=300", "min_reputation=999", "max_reputation=101"],
];
const COMBINED = [
  "gpu=model-0&status=available&min_gpus=1",
  "gpu=model-1&gpu=model-2&region=region-0&region=region-1&max_price=0.900000&status=available",
  "min_vram_mb=81920&min_gpus=4&max_price=1.500000&min_reputation=200&hours=24&sandboxed=true",
  "gpu=model-19&region=region-11&min_gpus=8&max_price=0.300000",
  "min_ram=131072&min_disk=1000&min_cpu=32&not_region=region-0&runtime=docker&declared=false",
];

async function seedLargeMarket({ db }: Deps): Promise<void> {
  // Uneven, as markets are: half of the machines share two models, one in fifty is offline, one in twenty runs docker.
  await db.execute(sql`
    insert into providers (id, owner, name, region, host, public_key, admission, presence, reputation, price_per_gpu_hour,
        price_per_cpu_hour, hostname, os, architecture, cpu_model, cpu_cores, memory_gb, disk_gb, declared, sandboxed, runtime,
        agent_version, created_at)
      select 'prov_' || lpad(n::text, 26, '0'), (select address from accounts limit 1), 'large-' || n,
        'region-' || least(n % 12, n % 7 * 2), 'h', 'large-' || n, 'approved',
        case when n % 50 = 0 then 'offline' else 'online' end, 100 + n * 7919 % 400, 100000 + (n * 104729::bigint) % 1900000,
        5000 + n % 9000, 'h', 'o', 'a', 'c', 4 + n % 124, 16 + n * 31 % 1000, 50 + n * 17 % 8000, n % 10 > 0, n % 30 > 0,
        case when n % 20 = 0 then 'docker' else 'process' end, 'v', now()
      from generate_series(1, ${PROVIDERS}) n`);
  for (const cores of [false, true])
    await db.execute(sql`
      insert into offers (provider_id, gpu_model, provider_name, vram_mb, total_gpus, free_gpus, in_use_gpus, free_cpu_cores,
          free_memory_gb, free_disk_gb, region, reputation, available, admission, presence, declared, sandboxed, runtime,
          busy_from, price_per_gpu_hour, price_per_cpu_hour)
        select p.id, case when ${cores} then '' else 'model-' || case when n % 2 = 0 then n / 2 % 2 else n % 20 end end,
          p.name, case when ${cores} then 0 else (array[8, 16, 24, 24, 48, 80, 80, 141])[n % 8 + 1] * 1024 end,
          case when ${cores} then 0 else 1 + n % 8 end, case when ${cores} then 0 else n % (2 + n % 8) end, 0,
          p.cpu_cores, p.memory_gb, p.disk_gb, p.region, p.reputation, p.presence = 'online', p.admission, p.presence,
          p.declared, p.sandboxed, p.runtime, case when n % 100 = 0 then now() + interval '100 hours' end,
          p.price_per_gpu_hour, p.price_per_cpu_hour
        from (select *, right(id, 26)::bigint as n from providers where name like 'large-%') p`);
  await db.execute(sql`vacuum analyze`);
}

/** Rentals come and go: some offers change, many times a second. */
function changeOffers({ db }: Deps): { stop(): Promise<void> } {
  let going = true;
  const loop = async () => {
    while (going) {
      const n = Math.floor(Math.random() * PROVIDERS) + 1;
      await db.execute(sql`update offers set free_cpu_cores = (free_cpu_cores + 1) % 128
        where provider_id = 'prov_' || lpad(${String(n)}, 26, '0')`);
      await new Promise((resolve) => setTimeout(resolve, 1000 / CHANGES_PER_SECOND));
    }
  };
  const running = loop();
  return {
    async stop() {
      going = false;
      await running;
    },
  };
}

/** What an update of an offer costs with and without the line the trigger writes. */
async function writes({ db }: Deps): Promise<{ logged: Measured; plain: Measured }> {
  const update = (n: number) =>
    db.execute(sql`update offers set free_cpu_cores = (free_cpu_cores + 1) % 128
      where provider_id = 'prov_' || lpad(${String((n * 7919) % PROVIDERS)}, 26, '0')`);
  const logged = await measure(1, { count: 1500 }, update);
  await db.execute(sql`alter table offers disable trigger offer_changed`);
  const plain = await measure(1, { count: 1500 }, update);
  await db.execute(sql`alter table offers enable trigger offer_changed`);
  return { logged, plain };
}

export async function benchLargeMarket(deps: Deps, bare: Measured): Promise<{ rows: Row[]; note: string }> {
  await seedLargeMarket(deps);
  const { logged, plain } = await writes(deps);

  const live = new LiveMarket(deps.db);
  const blocked = monitorEventLoopDelay({ resolution: 5 });
  blocked.enable();
  const before = process.memoryUsage();
  const startedAtMs = performance.now();
  const market = await live.now();
  const loadedInMs = performance.now() - startedAtMs;
  const after = process.memoryUsage();
  const heldMb = (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / 2 ** 20;
  const blockedMs = blocked.max / 1e6;
  blocked.disable();

  const ask = (query: SearchQuery) => measure(1, { count: RUNS }, () => searchOffers(deps, query));
  await ask({});
  const changing = changeOffers(deps);
  let moment = await marketMoment(deps.db);
  const statement = await measure(1, { count: 1000 }, async () => {
    ({ moment } = await marketChanges(deps.db, moment));
  });
  const lines = [
    `| search of ${market.size.toLocaleString("en")} offers | page and counts (counts kept 2 s) | counts alone, new |`,
    "| --- | --- | --- |",
  ];
  let worst = 0;
  const line = async (what: string, query: SearchQuery) => {
    const asked = await ask(query);
    const counted = await measure(1, { count: RUNS / 3 }, async () => market.facets(query, Date.now()));
    worst = Math.max(worst, asked.p95Ms);
    lines.push(`| ${what} | ${times(asked)} | ${times(counted)} |`);
  };
  for (const text of [...ALONE, ...COMBINED]) {
    const { query } = readSearch(text);
    if (!query) throw new Error(`the market does not understand ${text}`);
    await line(text ? `\`${text}\`` : "everything", query);
  }
  for (const sort of MARKET_SORTS) await line(`everything, sorted by ${sort}`, { sort });
  let cursor: string | undefined;
  for (let page = 0; page < 1000; page++) cursor = (await searchOffers(deps, { limit: 100, cursor })).next_cursor ?? "";
  await line("page 1,001 of 100 each", { limit: 100, cursor });
  await changing.stop();

  return {
    rows: [
      latencyRow(
        `what any search of 200,000 offers asks of the database, ${CHANGES_PER_SECOND} offers changing a second`,
        statement,
        "`select 1` over the same pool",
        bare,
      ),
      latencyRow("an update of a provider's two offers, its change written down", logged, "without that", plain),
    ],
    note: `${lines.join("\n")}

A market of 100,000 providers is read in ${Math.round(loadedInMs)} ms and holds ${Math.round(heldMb)} MB; meanwhile the event loop was held for ${Math.round(blockedMs)} ms at most. The slowest p95 of the table is ${worst.toFixed(1)} ms, against the bar of ${BAR_MS} ms in the database.`,
  };
}
