// Rentals a second, end to end in the use case, beside the least that PostgreSQL can durably do as often.
import { sql } from "drizzle-orm";
import type { RentWish } from "../domain/job/wish.ts";
import type { Deps } from "../server/deps.ts";
import { rentGpu } from "../server/usecases/job/rent-gpu.ts";
import { type Measured, measure, type Row, rateRow } from "./measure.ts";
import { seedCustomers, seedProviders } from "./seed.ts";

const CONCURRENCY = 32;
const SECONDS = 8;
const PROVIDERS = 600;
const GPUS_EACH = 8;
const AGAINST = `a transaction of one bare INSERT, ${CONCURRENCY} at once, same pool`;

const WISH: RentWish = {
  name: "bench",
  providerId: null,
  gpuModel: null,
  gpuCount: 1,
  cpuCores: 4,
  memoryGb: 16,
  diskGb: 50,
  hours: 1,
  maxRate: null,
  image: "berth/bench",
  template: null,
  minVramMb: 0,
  command: null,
  httpPort: null,
  env: {},
  sshPublicKeys: [],
};

export async function benchRentals(deps: Deps): Promise<Row[]> {
  const { db } = deps;
  const providers = await seedProviders(deps, PROVIDERS, GPUS_EACH);
  const customers = await seedCustomers(deps, CONCURRENCY);
  await db.execute(sql`create table bench_rows (id bigint generated always as identity primary key, body text)`);

  const insert = () => db.transaction((tx) => tx.execute(sql`insert into bench_rows (body) values ('bench')`));
  const rent = (wishOf: (piece: number) => RentWish) => async (piece: number, loop: number) => {
    const customer = customers[loop];
    if (customer) await rentGpu(deps, customer, wishOf(piece), { key: null, request: null });
  };
  const named = rent((piece) => ({ ...WISH, providerId: providers[piece % providers.length]?.id ?? null }));
  const cheapest = rent(() => WISH);

  await measure(CONCURRENCY, { seconds: 1 }, insert);
  await measure(CONCURRENCY, { count: 50 }, named);
  const bare = await measure(CONCURRENCY, { seconds: SECONDS / 2 }, insert);
  const spread = await measure(CONCURRENCY, { seconds: SECONDS }, named);
  const crowded = await measure(CONCURRENCY, { seconds: SECONDS }, cheapest);
  await expectHeld(deps, 50, spread, crowded);
  return [
    rateRow("rent a GPU (use case), each at a provider it names", spread, AGAINST, bare),
    rateRow("rent a GPU (use case), all after the cheapest", crowded, AGAINST, bare),
  ];
}

/** A fast broker that sells a GPU twice would be of no use. */
async function expectHeld({ db }: Deps, warmUp: number, ...runs: Measured[]): Promise<void> {
  const rented = runs.reduce((sum, { count }) => sum + count, warmUp);
  const [row] = await db.execute<{ held: number }>(sql`
    select count(distinct execution_id)::int as held from gpus where execution_id is not null`);
  if (row?.held !== rented) throw new Error(`${rented} rentals, but ${row?.held} of them hold a GPU`);
}
