import { afterAll, beforeAll, expect, test } from "vitest";
import { berthClient, ProblemError } from "../../protocol/client.ts";
import { openWire, type Wire } from "../testing/wire.ts";

const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsABgH5C9okWi0dh2l9GKJl me@home";
let wire: Wire;
let baseUrl: string;
beforeAll(async () => {
  wire = await openWire();
  baseUrl = `http://127.0.0.1:${wire.port}`;
});
afterAll(() => wire[Symbol.asyncDispose]());

test("the typed client rents, asks again with its key, extends nothing that does not run, and stops", async () => {
  await wire.world.provider();
  const client = berthClient({ baseUrl, token: (await wire.login()).token });
  const body = {
    kind: "rental",
    gpu_type: "NVIDIA GeForce RTX 4090",
    duration_hours: 2,
    ssh_public_key: SSH_KEY,
  } as const;
  const job = await client.createJob({ body, idempotencyKey: "k1" });
  expect((await client.createJob({ body, idempotencyKey: "k1" })).id).toBe(job.id);
  expect((await client.listJobs({ query: { limit: "1" } })).jobs.map(({ id }) => id)).toEqual([job.id]);
  const refused = await client
    .extendJob({ params: { id: job.id }, body: { hours: 1 } })
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ProblemError);
  expect(refused).toMatchObject({ problem: { status: 409, code: "conflict" } });
  expect((await client.stopJob({ params: { id: job.id } })).id).toBe(job.id);
  expect((await client.health()).status).toBe("ok");
  expect(await client.logout()).toEqual({});
});

test("a refusal is the broker's own problem, and something else's answer is told apart", async () => {
  const stranger = berthClient({ baseUrl });
  await expect(stranger.getBilling()).rejects.toMatchObject({ problem: { code: "unauthenticated", status: 401 } });
  const proxied = berthClient({
    baseUrl,
    fetch: async () => new Response("<h1>Bad gateway</h1>", { status: 502, headers: { "retry-after": "3" } }),
  });
  await expect(proxied.health()).rejects.toMatchObject({ problem: { status: 502, retry: true }, retryAfterSeconds: 3 });
});
