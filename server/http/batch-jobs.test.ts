// Batch jobs over the wire: the seed's unmodified client, clear refusals, and a stream of what happens.
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWire, type Wire } from "../testing/wire.ts";

const SEED = {
  name: "seed",
  docker_image: "alpine:latest",
  command: ["echo", "hi"],
  required_cpu: 1,
  required_memory: 1,
};
let wire: Wire;
let token: string;
beforeAll(async () => {
  wire = await openWire();
  for (let n = 0; n < 3; n++) await wire.world.provider();
  ({ token } = await wire.login());
});
afterAll(() => wire[Symbol.asyncDispose]());

const submit = (json: unknown, headers: Record<string, string> = {}) =>
  wire.ask("/api/v1/jobs", { token, json, headers });

test("the seed's submit answers 201 at once, with every field its clients read, and its list has it first", async () => {
  const made = await submit({ ...SEED, description: "d", priority: 5 });
  expect(made.status).toBe(201);
  for (const field of ["id", "name", "description", "status", "docker_image", "submitted_at", "submitted_by"])
    expect(typeof made.json[field], field).toBe("string");
  const listed = await wire.ask("/api/v1/jobs", { token });
  expect(listed.json).toMatchObject({ jobs: [{ id: made.json.id, consensus: 2, redundancy: 3 }], count: 1 });
  const got = await wire.ask(`/api/v1/jobs/${made.json.id}`, { token });
  expect([got.status, got.json.id]).toEqual([200, made.json.id]);
});

test("an unknown job is 404, and its executions are an empty list", async () => {
  const unknown = `job_${"0".repeat(26)}`;
  expect((await wire.ask(`/api/v1/jobs/${unknown}`, { token })).status).toBe(404);
  for (const id of [unknown, "3f2b8c1e-0000-4000-8000-000000000000"]) {
    const answer = await wire.ask(`/api/v1/jobs/${id}/executions`, { token });
    expect([answer.status, answer.json]).toEqual([200, { job_id: id, executions: [], count: 0, next_cursor: null }]);
  }
});

test("a refusal names the field of the right kind, and NUL is one", async () => {
  const fieldOf = async (json: unknown) => {
    const answer = await submit(json);
    return [answer.status, answer.json.fields?.map(({ field }: { field: string }) => field)];
  };
  expect(await fieldOf({ ...SEED, command: ["a\0b"] })).toEqual([400, ["command.0"]]);
  expect(await fieldOf({ ...SEED, kind: "batch", input_data: "\0" })).toEqual([400, ["input_data"]]);
  expect(await fieldOf({ ...SEED, kind: "batch", consensus: 4 })).toEqual([400, ["consensus"]]);
  expect(await fieldOf({ kind: "rental", duration_hours: 0, gpu_type: "x" })).toEqual([400, ["duration_hours"]]);
  expect(await fieldOf({ name: "x" })).toEqual([400, ["kind"]]);
});

test("the same key is the same job, and another body under it is 422", async () => {
  const key = { "idempotency-key": "wire-1" };
  const [first, again] = [await submit(SEED, key), await submit(SEED, key)];
  expect([first.status, again.status, again.json.id]).toEqual([201, 201, first.json.id]);
  expect((await submit({ ...SEED, name: "other" }, key)).json.code).toBe("idempotency-mismatch");
});

test("what nobody could run is 409 with what each filter removed, as an estimate says too", async () => {
  const body = { ...SEED, kind: "batch", required_cpu: 512 };
  for (const path of ["/api/v1/jobs", "/api/v1/jobs/estimate"]) {
    const answer = await wire.ask(path, { token, json: body });
    expect([answer.status, answer.json.code, answer.json.removed]).toEqual([409, "no-capacity", { cpu_cores: 3 }]);
  }
});

test("an estimate is for anyone, and says what it would hold", async () => {
  const answer = await wire.ask("/api/v1/jobs/estimate", { json: { ...SEED, kind: "batch" } });
  expect([answer.status, answer.json]).toMatchObject([200, { kind: "batch", owners: 3, quorum: 2, notices: [] }]);
});

test("its events can be watched, and its log is empty before the verdict", async () => {
  const { id } = (await submit({ ...SEED, kind: "batch" })).json;
  const events = await wire.ask(`/api/v1/jobs/${id}/events`, { token });
  expect(events.json.events).toMatchObject([{ code: "submitted" }]);
  const logs = await wire.ask(`/api/v1/jobs/${id}/logs`, { token });
  expect(logs.json).toEqual({ logs: "", truncated: false });
});
