// Search: ten thousand offers over HTTP, then a hundred thousand providers: each filter, combinations, deep pages.
import { sql } from "drizzle-orm";
import type { SearchQuery } from "../protocol/operations/provider.ts";
import { searchText } from "../protocol/search-text.ts";
import type { Deps } from "../server/deps.ts";
import { searchOffers } from "../server/usecases/provider/search-offers.ts";
import { HttpClient } from "./http-client.ts";
import { latencyRow, measure, type Row } from "./measure.ts";
import { benchLargeMarket } from "./search-large.ts";
import { MODELS, REGIONS, seedProviders } from "./seed.ts";
import type { BenchServer } from "./server-process.ts";

const PROVIDERS = 5_000; // two offers each
const SECONDS = 5;
const CLIENTS = 50;

/** The questions people ask of a market, one after the other. */
function query(piece: number): SearchQuery {
  const gpu = [MODELS[piece % MODELS.length]?.[0] ?? MODELS[0][0]];
  const region = [REGIONS[piece % REGIONS.length] ?? REGIONS[0]];
  const asked: SearchQuery[] = [
    {},
    { gpu },
    { gpu, region },
    { min_vram_mb: 40_000, sort: "-price" },
    { max_price: BigInt(250_000 + (piece % 500) * 1_000) },
    { gpu, min_gpus: 2, min_reputation: 300, sort: "reputation" },
    { region, min_cpu: 16, min_ram: 65_536, status: ["available"], limit: 50 },
    { gpu, max_price: 400_000n, sort: "vram", limit: 100 },
  ];
  return asked[piece % asked.length] ?? {};
}

const path = (asked: SearchQuery) =>
  `/api/v1/providers/search?${searchText(asked)}${asked.limit ? `&limit=${asked.limit}` : ""}`;

async function overHttp(server: BenchServer, clients: number, seconds: number) {
  const client = new HttpClient(server.port, clients);
  const get = (piece: number) => client.get(path(query(piece)));
  await measure(clients, { seconds: 2 }, get);
  const measured = await measure(clients, { seconds }, get);
  client.close();
  return measured;
}

export async function benchSearch(
  deps: Deps,
  wire: BenchServer,
  echo: BenchServer,
): Promise<{ rows: Row[]; note: string }> {
  await seedProviders(deps, PROVIDERS, 2);
  await deps.db.execute(sql`vacuum analyze`);
  const ask = (piece: number) => searchOffers(deps, query(piece));
  const selectOne = () => deps.db.execute(sql`select 1`);
  await measure(1, { seconds: 1 }, ask);
  await measure(1, { seconds: 1 }, selectOne);
  const alone = await measure(1, { seconds: SECONDS }, ask);
  const bare = await measure(1, { seconds: SECONDS / 2 }, selectOne);
  const small = await overHttp(wire, CLIENTS, SECONDS);
  const echoed = await overHttp(echo, CLIENTS, SECONDS);
  const { rows, note } = await benchLargeMarket(deps, bare);
  return {
    rows: [
      latencyRow(
        "search of 10,000 offers (use case), one after the other",
        alone,
        "`select 1` over the same pool",
        bare,
      ),
      latencyRow(
        `search of 10,000 offers over HTTP, ${CLIENTS} clients`,
        small,
        `a bare node:http echo, the same ${CLIENTS} clients`,
        echoed,
      ),
      ...rows,
      latencyRow(
        `search of 200,000 offers over HTTP, ${CLIENTS} clients`,
        await overHttp(wire, CLIENTS, SECONDS),
        `a bare node:http echo, the same ${CLIENTS} clients`,
        echoed,
      ),
    ],
    note,
  };
}
