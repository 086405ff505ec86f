// For tests about a provider's life: a world with an operator, an owner, a web that listens, and events to look at.
import { asc, eq, sql } from "drizzle-orm";
import { type Principal, walletPrincipal } from "../../domain/account/principal.ts";
import type { ProviderId } from "../../domain/ids.ts";
import type { RentWish } from "../../domain/job/wish.ts";
import { REPUTATION_START } from "../../domain/provider/state.ts";
import { events } from "../../drizzle/schema/event.ts";
import { executions, jobs } from "../../drizzle/schema/job.ts";
import { providers } from "../../drizzle/schema/provider.ts";
import { stamp } from "../repos/listening.ts";
import { lockProviderRow } from "../repos/providers.ts";
import { recordReputation } from "../repos/reputation.ts";
import { rentGpu } from "../usecases/job/rent-gpu.ts";
import { writePresenceEdge } from "../usecases/provider/presence-edge.ts";
import { stampListening } from "../usecases/provider/stamp-listening.ts";
import { sweepSilentProviders } from "../usecases/provider/sweep-silent-providers.ts";
import { address, GPU_MODEL, openWorld, type ProviderWish, type WorldGiven } from "./world.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** What the database takes for a span in ms: 24 days. */
const LONGEST_GAP_MS = 2 ** 31 - 1;
export const OPERATOR = walletPrincipal(address(9_000_001));
export const OWNER = walletPrincipal(address(9_000_002));

export type LifeWorld = Awaited<ReturnType<typeof lifeWorld>>;

/** Call `empty()` before each test. */
export async function lifeWorld(given: WorldGiven = {}) {
  const world = await openWorld({ operators: [OPERATOR.account] }, given);
  const { db, deps } = world;
  const only = <T>([row]: readonly T[]): T => {
    if (!row) throw new Error("there is no such row");
    return row;
  };

  async function provider(wish: ProviderWish & Partial<typeof providers.$inferInsert> = {}): Promise<ProviderId> {
    const { name, gpus, model, perGpuHour, perCpuHour, cpuCores, sandboxed, owner = OWNER.account, ...columns } = wish;
    const given = { name, gpus, model, perGpuHour, perCpuHour, cpuCores, sandboxed };
    const id = await world.provider({
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
      owner,
    });
    await db.transaction((tx) => recordReputation(tx, id, REPUTATION_START, "enrolled", deps.clock.now()));
    if (Object.keys(columns).length > 0) await db.update(providers).set(columns).where(eq(providers.id, id));
    return id;
  }

  /** Time passes while some web listens, as if it had stamped every five seconds; those who beat were heard. */
  async function listen(ms: number, beating: readonly ProviderId[] = []) {
    world.pass(ms);
    await stamp(db, deps.clock.now(), LONGEST_GAP_MS);
    for (const id of beating) await world.beat(id);
  }

  return {
    ...world,
    provider,
    async empty() {
      world.rings.length = 0;
      deps.cluster.seen.clear();
      deps.cluster.specs.clear();
      await db.execute(
        sql`truncate accounts, providers, jobs, executions, holds, postings, entries, events, idempotency, listening restart identity cascade`,
      );
    },
    listen,
    /** Time passes, and nobody listened. */
    async skip(ms: number, beating: readonly ProviderId[] = []) {
      world.pass(ms);
      await stampListening(deps);
      for (const id of beating) await world.beat(id);
    },
    /** Two minutes of silence, noticed. */
    async silence(beating: readonly ProviderId[] = []) {
      await stampListening(deps);
      await listen(130_000, beating);
      return sweepSilentProviders(deps);
    },
    /** A clean beat, with what it does to presence. */
    async back(id: ProviderId) {
      await world.beat(id);
      await db.transaction(async (tx) => {
        const row = await lockProviderRow(tx, id);
        const facts = { now: deps.clock.now(), silentSince: null, message: "It is online." };
        if (row) await writePresenceEdge(tx, row, "cleanReport", facts);
      });
    },
    rent(renter: Principal, over: Partial<RentWish> = {}) {
      const wish: RentWish = {
        ...{ name: "test", providerId: null, gpuModel: GPU_MODEL, gpuCount: 1, cpuCores: 4, memoryGb: 16, diskGb: 50 },
        ...{
          hours: 2,
          maxRate: null,
          image: "ubuntu:24.04",
          template: null,
          minVramMb: 0,
          command: null,
          httpPort: null,
          env: {},
          sshPublicKeys: ["k"],
        },
        ...over,
      };
      return rentGpu(deps, renter, wish, { key: null, request: null });
    },
    async row(id: ProviderId) {
      return only(await db.select().from(providers).where(eq(providers.id, id)));
    },
    async execution(id: (typeof executions.$inferSelect)["id"]) {
      return only(await db.select().from(executions).where(eq(executions.id, id)));
    },
    async job(id: (typeof jobs.$inferSelect)["id"]) {
      return only(await db.select().from(jobs).where(eq(jobs.id, id)));
    },
    events(subject: string) {
      return db.select().from(events).where(eq(events.subject, subject)).orderBy(asc(events.id));
    },
    async codes(subject: string) {
      const all = await db.select().from(events).where(eq(events.subject, subject)).orderBy(asc(events.id));
      return all.map(({ code }) => code);
    },
  };
}
