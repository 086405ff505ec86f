// Every operation of the wire against input it must refuse, made from its own schemas: nothing here knows a field.
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { eq } from "drizzle-orm";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { z } from "zod";
import { providers } from "../../drizzle/schema/provider.ts";
import { SIGNATURE_HEADERS, signedText } from "../../protocol/agent.ts";
import { listNames } from "../../protocol/fields.ts";
import { schemaOf } from "../../protocol/openapi.ts";
import type { OperationShape } from "../../protocol/operation.ts";
import { OPERATION_NAMES, type OperationName, operations, pathOf } from "../../protocol/operations.ts";
import { Problem } from "../../protocol/problem.ts";
import { described, spoiled } from "../testing/arbitrary.ts";
import { everything } from "../testing/everything.ts";
import { type Answer, openWire, type Wire } from "../testing/wire.ts";

const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsABgH5C9okWi0dh2l9GKJl me@home";
const RUNS = 60;
const agent = generateKeyPairSync("ed25519");

let wire: Wire;
let token: string;
/** ids that exist: the caller's, and those of somebody else */
let own: Record<string, string>;
let foreign: Record<string, string>;

beforeAll(async () => {
  wire = await openWire();
  const publicKey = agent.publicKey.export({ type: "spki", format: "der" }).toString("base64");
  const provider = await wire.world.provider({ gpus: 8 });
  await wire.world.db.update(providers).set({ publicKey }).where(eq(providers.id, provider));
  ({ token } = await wire.login());
  own = { ...(await makeThings(token)), prov: provider };
  foreign = await makeThings((await wire.login()).token);
});
afterAll(() => wire[Symbol.asyncDispose]());

/** A key of each kind and a rental. */
async function makeThings(owner: string): Promise<Record<string, string>> {
  const json = { kind: "rental", gpu_type: "NVIDIA GeForce RTX 4090", duration_hours: 1, ssh_public_key: SSH_KEY };
  const job = await wire.ask("/api/v1/jobs", { token: owner, json });
  const sshKey = await wire.ask("/api/v1/ssh-keys", { token: owner, json: { name: "n", public_key: SSH_KEY } });
  const apiKey = await wire.ask("/api/v1/api-keys", { token: owner, json: { name: "n", scopes: ["read"] } });
  expect([job.status, sshKey.status, apiKey.status]).toEqual([201, 201, 201]);
  return { job: job.json.id, "ssh-keys": sshKey.json.id, "api-keys": apiKey.json.api_key.id };
}

function idFor(name: OperationName, ids: Record<string, string>): string | undefined {
  const [kind = ""] = operations[name].path.slice(1).split("/");
  return ids[kind] ?? ids[kind === "providers" ? "prov" : kind.replace(/s$/, "")];
}

/** What stands in an address: a name may be repeated. */
type WireQuery = Readonly<Record<string, readonly string[]>>;

interface Parts {
  readonly id?: string | undefined;
  readonly query?: WireQuery;
  readonly body?: unknown;
}

function ask(name: OperationName, { id = "", query = {}, body }: Parts, as = token): Promise<Answer> {
  const operation: OperationShape = operations[name];
  const pairs = Object.entries(query).flatMap(([key, values]) => values.map((value) => [key, value]));
  const search = new URLSearchParams(pairs).toString();
  const path = pathOf(name).replace(/:\w+/, encodeURIComponent(id)) + (search ? `?${search}` : "");
  const raw = body === undefined ? undefined : JSON.stringify(body);
  return wire.ask(path, {
    method: operation.method,
    ...(raw === undefined ? {} : { raw }),
    ...(operation.access === "agent" ? {} : { token: as }),
    headers: {
      ...(raw === undefined ? {} : { "content-type": "application/json" }),
      ...(operation.access === "agent" ? signed(path, raw ?? "", body) : {}),
    },
  });
}

/** As the agent signs; the sequence is the body's where it has one. */
function signed(path: string, raw: string, body: unknown): Record<string, string> {
  const seq = typeof body === "object" && body !== null && "seq" in body && typeof body.seq === "number" ? body.seq : 1;
  const time = wire.deps.clock.now().toISOString();
  const text = signedText("POST", path, time, seq, createHash("sha256").update(raw).digest("hex"));
  return {
    [SIGNATURE_HEADERS.time]: time,
    [SIGNATURE_HEADERS.sequence]: String(seq).slice(0, 200),
    [SIGNATURE_HEADERS.signature]: sign(null, Buffer.from(text), agent.privateKey).toString("base64"),
  };
}

function expectRefusal(answer: Answer, about: unknown): void {
  const said = JSON.stringify(about).slice(0, 300);
  expect(answer.status, said).toBeGreaterThanOrEqual(400);
  expect(answer.status, said).toBeLessThan(500);
  expect(answer.headers["content-type"], said).toBe("application/problem+json");
  expect(Problem.safeParse(answer.json).success, said).toBe(true);
}

/** As the seed answers: what is not theirs, and what is no id at all, has an empty list. */
const EMPTY_INSTEAD: readonly OperationName[] = ["listJobExecutions"];

function isEmptyInstead(name: OperationName, answer: Answer): boolean {
  return EMPTY_INSTEAD.includes(name) && answer.status === 200 && answer.json.count === 0;
}

/** Queries are text on the wire, and as long as one request line may be. */
const asQuery = (value: unknown): WireQuery =>
  Object.fromEntries(
    Object.entries(typeof value === "object" && value !== null && !Array.isArray(value) ? value : {})
      .filter(([name]) => name !== "")
      .map(([name, part]) => [name, (Array.isArray(part) ? part.slice(0, 40) : [part]).map(asText)]),
  );
const asText = (part: unknown) => (typeof part === "string" ? part : JSON.stringify(part)).slice(0, 9_000);

/** Whether an operation takes this query: only lists may be repeated. */
function takes(schema: z.ZodType, query: WireQuery): boolean {
  const lists = listNames(schema);
  const given = Object.entries(query).filter(([, values]) => values.length > 0);
  if (given.some(([name, values]) => values.length > 1 && !lists.has(name))) return false;
  const parts = given.map(([name, values]) => [name, lists.has(name) ? values : values[0]]);
  return schema.safeParse(Object.fromEntries(parts)).success;
}

describe.each(OPERATION_NAMES)("%s", (name) => {
  const operation: OperationShape = operations[name];
  const validQuery = described(schemaOf(operation.query, "input")).map(asQuery);
  const validBody = operation.method === "GET" ? fc.constant(undefined) : described(schemaOf(operation.body, "input"));

  test("refuses a body with something missing, added, wrong, huge or hostile in it, and writes nothing", async () => {
    if (operation.method === "GET") return; // its body is never read
    const before = await everything(wire.world.db);
    await fc.assert(
      fc.asyncProperty(spoiled(validBody), async (body) => {
        const valid = operation.body.safeParse(JSON.parse(JSON.stringify(body))).success;
        fc.pre(!valid);
        const answer = await ask(name, { id: idFor(name, own), body });
        expectRefusal(answer, body);
      }),
      { numRuns: RUNS },
    );
    expect(await everything(wire.world.db)).toEqual(before);
  });

  test("refuses a query with something added, wrong, huge or hostile in it, and writes nothing", async () => {
    const before = await everything(wire.world.db);
    await fc.assert(
      fc.asyncProperty(spoiled(validQuery).map(asQuery), validBody, async (query, body) => {
        fc.pre(
          Object.keys(query).length > 0 &&
            !takes(operation.query, query) &&
            !/[\ud800-\udfff]/.test(Object.values(query).flat().join("")),
        );
        const answer = await ask(name, { id: idFor(name, own), query, body });
        expectRefusal(answer, query);
      }),
      { numRuns: RUNS },
    );
    expect(await everything(wire.world.db)).toEqual(before);
  });

  test("refuses an id that is none, and writes nothing", async () => {
    if (!pathOf(name).includes(":")) return; // it has no id
    const before = await everything(wire.world.db);
    const hostile = [
      "x",
      "0",
      "%00",
      "..",
      "job_",
      `job_${"z".repeat(26)}`,
      "'; drop table jobs; --",
      "x".repeat(5000),
      "__proto__",
      "é",
    ];
    for (const id of hostile) {
      const answer = await ask(name, { id, body: operation.method === "GET" ? undefined : {} });
      if (!isEmptyInstead(name, answer)) expectRefusal(answer, id);
    }
    expect(await everything(wire.world.db)).toEqual(before);
  });

  test("does not find what is another account's, and writes nothing", async () => {
    const id = idFor(name, foreign);
    if (!pathOf(name).includes(":") || id === undefined) return; // nobody's in particular
    const before = await everything(wire.world.db);
    const [body] = fc.sample(validBody, 1);
    const answer = await ask(name, { id, body });
    if (!isEmptyInstead(name, answer)) expect([answer.status, answer.json.code]).toEqual([404, "not-found"]);
    expect(await everything(wire.world.db)).toEqual(before);
  });

  test("does not answer who does not say who they are", async () => {
    if (operation.access === "public") return; // it is for anyone
    const before = await everything(wire.world.db);
    const [body] = fc.sample(validBody, 1);
    const path = pathOf(name).replace(/:\w+/, idFor(name, own) ?? "1");
    const answer = await wire.ask(path, { method: operation.method, ...(body === undefined ? {} : { json: body }) });
    expect(answer.status).toBe(401);
    expect(await everything(wire.world.db)).toEqual(before);
  });
});

// The token of who logs out is needed to the end.
test.each(OPERATION_NAMES.filter((name) => name !== "logout"))(
  "whatever %s takes or refuses, it never fails",
  async (name) => {
    const operation: OperationShape = operations[name];
    const query = described(schemaOf(operation.query, "input")).map(asQuery);
    const body = operation.method === "GET" ? fc.constant(undefined) : described(schemaOf(operation.body, "input"));
    const either = fc.oneof(body, operation.method === "GET" ? body : spoiled(body));
    await fc.assert(
      fc.asyncProperty(query, either, async (q, b) => {
        const answer = await ask(name, { id: idFor(name, foreign) ?? idFor(name, own), query: q, body: b });
        expect(
          answer.status,
          `${name} ${JSON.stringify(q)} ${JSON.stringify(b)?.slice(0, 300)} ${answer.text.slice(0, 200)}`,
        ).toBeLessThan(500);
      }),
      { numRuns: 40 },
    );
  },
);
