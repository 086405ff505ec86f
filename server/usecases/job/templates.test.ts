// Templates on a real PostgreSQL: the seeded catalogue, and what renting with one of it makes of a job.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { eq, sql } from "drizzle-orm";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { isId } from "../../../domain/ids.ts";
import { executions, jobs } from "../../../drizzle/schema/job.ts";
import { gpus, offers } from "../../../drizzle/schema/provider.ts";
import { templates } from "../../../drizzle/schema/template.ts";
import { TemplateView } from "../../../protocol/job-views.ts";
import { RentalBody } from "../../../protocol/operations/job.ts";
import { loadExecution } from "../../repos/executions.ts";
import { recomputeOffers } from "../../repos/offers.ts";
import { expectSound } from "../../testing/sound.ts";
import { GPU_MODEL, openWorld, type World } from "../../testing/world.ts";
import { placeAgain } from "../execution/place-again.ts";
import { estimateRental } from "./estimate-rental.ts";
import { listTemplates } from "./list-templates.ts";
import { submitRental } from "./submit-rental.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
const REGISTRY = "registry.example/berth";
let world: World;
beforeAll(async () => {
  world = await openWorld({ workspaceRegistry: REGISTRY });
});
beforeEach(async () => {
  world.rings.length = 0;
  world.deps.cluster.specs.clear();
  await world.db.execute(
    sql`truncate accounts, providers, gpus, offers, jobs, executions, holds, postings, entries, events, idempotency, provider_presence cascade`,
  );
  await world.db.update(templates).set({ retiredAt: null });
});
afterAll(() => world[Symbol.asyncDispose]());

function wish(over: Record<string, unknown> = {}): RentalBody {
  return RentalBody.parse({
    ...{ kind: "rental", gpu_type: GPU_MODEL, duration_hours: 1, ssh_public_key: KEY },
    ...over,
  });
}

/** A provider whose GPUs have that much VRAM. */
async function machine(vramMb: number, perGpuHour: bigint) {
  const id = await world.provider({ perGpuHour });
  await world.db.transaction(async (tx) => {
    await tx.update(gpus).set({ vramMb }).where(eq(gpus.providerId, id));
    await recomputeOffers(tx, id);
  });
  return id;
}

test("the catalogue begins with six templates, each of an image that the operator builds from a public one", async () => {
  const { templates: all, count } = await listTemplates(world.deps);
  expect(all.map(({ slug }) => slug)).toEqual(["ubuntu-24-04", "cuda-12", "pytorch-2", "jupyter", "vllm", "plain"]);
  expect(count).toBe(6);
  for (const each of all) {
    expect(TemplateView.parse(each).image.startsWith(`${REGISTRY}/workspace-`)).toBe(true);
    expect(RentalBody.safeParse({ ...base, image: each.image }).success).toBe(true);
    expect(RentalBody.safeParse({ ...base, template: each.slug, env: each.env }).success).toBe(true);
    expect(each.base).toMatch(/^[a-z0-9./-]+:[a-z0-9.-]+$/);
  }
});
const base = { kind: "rental", gpu_type: GPU_MODEL, duration_hours: 1 };

test("Jupyter and vLLM run by themselves where the port is served, and no other template runs anything", async () => {
  const { templates: all } = await listTemplates(world.deps);
  const running = all.filter(({ command }) => command !== null);
  expect(running.map(({ slug, http_port }) => [slug, http_port])).toEqual([
    ["jupyter", 8888],
    ["vllm", 8000],
  ]);
  expect(all.filter(({ command, http_port }) => (command === null) !== (http_port === null))).toEqual([]);
  for (const { command, http_port } of running)
    expect(command?.join(" ")).toMatch(new RegExp(`--port[= ]${http_port}`));
  for (const { command } of running) expect(command?.join(" ")).toMatch(/--(ip|host)[= ]127\.0\.0\.1/);
});

test("without MODEL the vLLM of the template says what to do; with one it serves that and nothing a shell reads", async () => {
  const [vllm] = await world.db.select().from(templates).where(eq(templates.slug, "vllm"));
  const [program = "", ...args] = vllm?.command ?? [];
  const home = await mkdtemp(join(tmpdir(), "berth-vllm-"));
  onTestFinished(() => rm(home, { recursive: true }));
  await writeFile(join(home, "vllm"), '#!/bin/sh\nprintf "%s|" "$@"\n', { mode: 0o755 });
  const run = async (env: Record<string, string>) =>
    (await promisify(execFile)(program, args, { env: { NODE_ENV: "test", PATH: `${home}:/usr/bin:/bin`, ...env } }))
      .stdout;
  expect(await run({})).toMatch(/^No model is served: .*MODEL=.*\n$/);
  expect(await run({ MODEL: "" })).toMatch(/^No model is served/);
  const model = 'a/b $(id) "; id #';
  expect(await run({ MODEL: model })).toBe(`serve|${model}|--host|127.0.0.1|--port|8000|`);
});

test("a rental takes command and port of its template, its own port wins, and an image of one's own runs nothing", async () => {
  await machine(24_564, 1_000n);
  const renter = await world.customer(1);
  const rented = async (over: Record<string, unknown>) => {
    const { command, http_port } = await submitRental(world.deps, renter, wish(over), null);
    return [command?.[0] ?? null, http_port];
  };
  expect(await rented({ template: "jupyter" })).toEqual(["jupyter", 8888]);
  expect(await rented({ template: "jupyter", http_port: 9000 })).toEqual(["jupyter", 9000]);
  expect(await rented({ template: "plain", http_port: 8080 })).toEqual([null, 8080]);
  expect(await rented({ image: "me/mine:1" })).toEqual([null, null]);
  await world.settleRings();
  const commands = [...world.deps.cluster.specs.values()].map(({ command }) => command?.[0] ?? null);
  expect(commands.sort()).toEqual(["jupyter", "jupyter", null, null].sort());
});

test("a rental with a template runs its image with its variables, the customer's own before them", async () => {
  const provider = await machine(24_564, 100_000n);
  const renter = await world.customer(1);
  const job = await submitRental(world.deps, renter, wish({ template: "cuda-12", env: { A: "b" } }), null);
  expect(job).toMatchObject({ template: "cuda-12", image: `${REGISTRY}/workspace-cuda:12.6.3`, provider_id: provider });
  await world.settleRings();
  const [spec] = world.deps.cluster.specs.values();
  expect(spec?.image).toBe(job.image);
  expect(spec?.env).toMatchObject({ A: "b", PATH: expect.stringContaining("/usr/local/cuda/bin:") });
  const mine = await submitRental(world.deps, renter, wish({ template: "cuda-12", env: { PATH: "/mine" } }), null);
  await world.settleRings();
  const specs = [...world.deps.cluster.specs.values()];
  expect(specs.find(({ jobId }) => jobId === mine.id)?.env).toMatchObject({ PATH: "/mine" });
  expect(await expectSound(world.db)).toEqual([]);
});

test("a template that needs VRAM is placed where there is enough of it, however cheap the others are", async () => {
  await machine(16_376, 1_000n);
  const fit = await machine(23_028, 500_000n);
  const renter = await world.customer(1);
  const estimate = await estimateRental(world.deps, renter, wish({ template: "vllm" }));
  expect(estimate).toMatchObject({ removed: { min_vram_mb: 1 }, chosen: { provider_id: fit } });
  const job = await submitRental(world.deps, renter, wish({ template: "vllm" }), null);
  expect(job).toMatchObject({ provider_id: fit, storage_gb: 60 });
  if (!isId("job", job.id)) throw new Error("a rental is a job");
  const [row] = await world.db.select().from(jobs).where(eq(jobs.id, job.id));
  expect(row?.minVramMb).toBe(22_000);
});

test("where no GPU has the VRAM, the refusal says so", async () => {
  const small = await machine(16_376, 1_000n);
  const renter = await world.customer(1);
  const renting = submitRental(world.deps, renter, wish({ template: "vllm" }), null);
  await expect(renting).rejects.toMatchObject({
    code: "no-capacity",
    extras: { removed: { min_vram_mb: 1 } },
    detail: expect.stringContaining("less VRAM"),
  });
  // An offer may promise what its GPUs no longer have: under the lock they are looked at themselves.
  await world.db.update(offers).set({ vramMb: 80_000 }).where(eq(offers.providerId, small));
  await expect(submitRental(world.deps, renter, wish({ template: "vllm" }), null)).rejects.toMatchObject({
    code: "no-capacity",
  });
  expect(await world.db.select().from(executions)).toEqual([]);
});

test("a job that is placed again keeps away from what its template cannot run on", async () => {
  const enough = await machine(24_564, 100_000n);
  await machine(16_376, 1_000n);
  const renter = await world.customer(1);
  world.deps.cluster.onApply = { state: "starting" };
  const { id } = await submitRental(world.deps, renter, wish({ template: "vllm" }), null);
  await world.settleRings();
  world.deps.cluster.onApply = { state: "ready", endpoint: { host: "127.0.0.1", port: 30_022, user: "root" } };
  const [job] = await world.db.select().from(jobs);
  const row = job && (await loadExecution(world.db, job.executionId));
  if (!row) throw new Error("nothing was rented");
  expect(await placeAgain(world.deps, row, world.deps.clock.now())).toBe(false);
  const second = await machine(24_564, 100_000n);
  expect(await placeAgain(world.deps, row, world.deps.clock.now())).toBe(true);
  const providers = (await world.db.select().from(executions)).map(({ providerId }) => providerId);
  expect(providers.sort()).toEqual([enough, second].sort());
  expect(row.job.id).toBe(id);
});

test("a template that is unknown or retired is refused by the field's name, in estimates too; jobs keep theirs", async () => {
  await machine(24_564, 1_000n);
  const renter = await world.customer(1);
  const kept = await submitRental(world.deps, renter, wish({ template: "plain" }), null);
  await world.db.update(templates).set({ retiredAt: world.deps.clock.now() }).where(eq(templates.slug, "plain"));
  const refusal = { code: "bad-request", extras: { fields: [expect.objectContaining({ field: "template" })] } };
  for (const template of ["plain", "nothing-of-the-kind"]) {
    await expect(submitRental(world.deps, renter, wish({ template }), null)).rejects.toMatchObject(refusal);
    await expect(estimateRental(world.deps, null, wish({ template }))).rejects.toMatchObject(refusal);
  }
  expect((await listTemplates(world.deps)).templates.map(({ slug }) => slug)).not.toContain("plain");
  expect(kept.template).toBe("plain");
});

test("image and template together are refused, and the field is named", () => {
  const refused = RentalBody.safeParse({ ...base, template: "plain", image: "me/mine:1" });
  expect(refused.error?.issues).toMatchObject([{ path: ["template"] }]);
});

test("an image of the customer's own is rented as before, with no template", async () => {
  await machine(8_192, 1_000n);
  const renter = await world.customer(1);
  expect(await submitRental(world.deps, renter, wish({ image: "me/mine:1" }), null)).toMatchObject({
    ...{ image: "me/mine:1", template: null, storage_gb: 50 },
  });
  expect((await submitRental(world.deps, renter, wish(), null)).image).toBe("ubuntu:24.04");
});
