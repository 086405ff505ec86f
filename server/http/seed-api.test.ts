// The seed's clients, as they are published, against the wire over real HTTP.
import { and, eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { providers } from "../../drizzle/schema/provider.ts";
import { dockerLog, seedCli, seedDashboard, seedWorker } from "../testing/seed-clients.ts";
import { openWire, type Wire } from "../testing/wire.ts";
import { address } from "../testing/world.ts";
import { openAnonymousAccount } from "../usecases/account/open-account.ts";
import { stampListening } from "../usecases/provider/stamp-listening.ts";
import { sweepSilentProviders } from "../usecases/provider/sweep-silent-providers.ts";

let wire: Wire;
beforeAll(async () => {
  wire = await openWire({ settings: { anonymousAccount: address(900) } });
  await openAnonymousAccount(wire.deps);
});
afterAll(() => wire[Symbol.asyncDispose]());

const nodeOf = async (id: string) => (await wire.ask(`/api/v1/nodes/${id}`)).json;

test("the seed's worker registers, beats and asks, and its node is what it said", async () => {
  const worker = seedWorker(wire.ask, "worker-001");
  const registered = await worker.register();
  expect(registered.status).toBe(201);
  const now = wire.deps.clock.now().toISOString();
  expect(registered.json).toEqual({
    id: "worker-001",
    name: "Worker worker-001",
    region: "us-west",
    cpu_cores: 4,
    memory_gb: 8,
    gpu_enabled: false,
    status: "online",
    reputation_score: 100,
    total_jobs_run: 0,
    successful_jobs_run: 0,
    failed_jobs: 0,
    credits_earned: 0,
    last_heartbeat: now,
    registered_at: now,
    provider_id: expect.stringMatching(/^prov_/),
    provider_name: "worker-worker-001",
    provider_status: "available",
    owner: expect.stringMatching(/^0x[0-9a-f]{40}$/),
    owner_short: expect.stringMatching(/^0x[0-9a-f]{4}…[0-9a-f]{4}$/),
    runtime: "external",
    gpus: [],
    success_rate: null,
    evidence: {
      ...{ verified: 0, bad: 0, streak: 0, error_rate: 0.1, proven: false },
      ...{ quarantined: false, quarantine_reason: null },
    },
  });
  expect(await worker.beat()).toEqual({ status: "ok" });
  expect(await nodeOf("worker-001")).toEqual(registered.json);
  expect(await nodeOf(registered.json.provider_id)).toEqual(registered.json);
});
