// Results that machines deliver over HTTP, signed as their agents sign: what is none is told why, and nothing of it is kept.
import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import { sql } from "drizzle-orm";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { JobId, ProviderId } from "../../domain/ids.ts";
import { manifestText } from "../../domain/verification/manifest.ts";
import { providers } from "../../drizzle/schema/provider.ts";
import { SIGNATURE_HEADERS, signedText } from "../../protocol/agent.ts";
import { type ResultReport, resultText } from "../../protocol/results.ts";
import { type Fleet, type LiveRun, openFleet } from "../testing/batch-world.ts";
import { everything } from "../testing/everything.ts";
import { expectSound } from "../testing/sound.ts";
import { type Answer, openWire, type Wire } from "../testing/wire.ts";
import { cancelBatch } from "../usecases/batch/cancel-batch.ts";
import { dispatchBatch } from "../usecases/batch/dispatch-batch.ts";
import { MAX_BODY_BYTES } from "./parse.ts";

const sha256 = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex");

let wire: Wire;
let fleet: Fleet;
let customer: Awaited<ReturnType<Wire["world"]["customer"]>>;
let job: JobId;
let run: LiveRun;
let seq = 0;
beforeEach(async () => {
  wire = await openWire();
  fleet = await openFleet(wire.world, 5);
  customer = await wire.world.customer(1);
  job = await fleet.submit(customer);
  await dispatchBatch(wire.deps);
  const [first] = await fleet.live(job);
  if (!first) throw new Error("nothing was given out");
  run = first;
});
afterEach(() => wire[Symbol.asyncDispose]());

const pathOf = (provider: ProviderId) => `/api/v1/providers/${provider}/results`;

/** The headers of an agent over this very body. */
function signed(provider: ProviderId, raw: string | Buffer, number: number): Record<string, string> {
  const time = wire.deps.clock.now().toISOString();
  return {
    "content-type": "application/json",
    [SIGNATURE_HEADERS.time]: time,
    [SIGNATURE_HEADERS.sequence]: String(number),
    [SIGNATURE_HEADERS.signature]: fleet.sign(
      provider,
      signedText("POST", pathOf(provider), time, number, sha256(raw)),
    ),
  };
}

function send(provider: ProviderId, results: readonly object[]): Promise<Answer> {
  seq += 1;
  const raw = JSON.stringify({ seq, results });
  return wire.ask(pathOf(provider), { raw, headers: signed(provider, raw, seq) });
}

/** A report over these bytes, hashed and signed right. */
function reportOf({ id, providerId }: LiveRun, stdout: Buffer, over: Partial<ResultReport> = {}): ResultReport {
  const hash = sha256(manifestText({ stdoutSha256: sha256(stdout), stdoutBytes: stdout.byteLength, files: [] }));
  return {
    ...fleet.report({ id, providerId }),
    ...{ stdout: stdout.toString("base64"), result_hash: hash },
    ...{ signature: fleet.sign(providerId, resultText(id, hash)), ...over },
  };
}

async function endOf({ id }: Pick<LiveRun, "id">) {
  const [row] = await wire.world.db.execute(sql`
    select e.status, e.end_cause as end, e.detail, e.digest, r.stdout from batch_executions e
    left join batch_results r on r.execution_id = e.id where e.id = ${id}`);
  return row;
}

const reputations = async () =>
  (await wire.world.db.select({ reputation: providers.reputation }).from(providers)).map((row) => row.reputation);

/** The rest of the panel delivers what is right. @returns the job as it is then */
async function letOthersFinish(): Promise<Record<string, unknown> | undefined> {
  for (let round = 0; round < 5; round++) {
    await dispatchBatch(wire.deps);
    for (const other of await fleet.live(job))
      expect((await send(other.providerId, [fleet.report(other)])).json.results[0].status).toBe("accepted");
  }
  const [row] = await wire.world.db.execute(sql`
    select j.status, r.stdout, j.verdict->>'kind' as verdict from batch_jobs j
    left join batch_results r on r.execution_id = j.result_execution_id where j.id = ${job}`);
  return row;
}
const RIGHT = { status: "completed", stdout: "right", verdict: "accepted" };

describe("what is no result fails its execution alone: the job has the others' right one, and nobody's score falls", () => {
  test.each([
    {
      what: "a hash of something else",
      spoiled: () => reportOf(run, Buffer.from("right"), hashOf("other")),
      end: { end: "wrong-hash", detail: "The hash that the machine reported is not the hash of what it sent." },
    },
    {
      what: "another machine's signature",
      spoiled: () => ({ ...fleet.report(run), signature: fleet.report({ ...run, providerId: another() }).signature }),
      end: { end: "wrong-hash", detail: "The signature is not of this machine's key over this result." },
    },
    {
      what: "NUL in its stdout",
      spoiled: () => reportOf(run, Buffer.from("ri\0ght")),
      end: { end: "not-text", detail: "Its stdout is not UTF-8 text, or contains NUL.", stdout: "ri\ufffdght" },
    },
    {
      what: "bytes that are no UTF-8",
      spoiled: () => reportOf(run, Buffer.from([0x72, 0xff, 0xfe, 0x74])),
      end: { end: "not-text", detail: "Its stdout is not UTF-8 text, or contains NUL.", stdout: "r\ufffd\ufffdt" },
    },
    {
      what: "more than 1 MiB",
      spoiled: () => reportOf(run, Buffer.alloc(1_048_577, "x")),
      end: { end: "too-large", detail: "stdout and output files are larger than 1 MiB together.", stdout: "" },
    },
    {
      what: "a file that nobody asked for",
      spoiled: () => withFile("secret"),
      end: { end: "wrong-hash", detail: "It delivered secret, which is not among the files asked for." },
    },
    {
      what: "NUL in the name of a file",
      spoiled: () => withFile("a\0b"),
      end: { end: "wrong-hash", detail: "The hash that the machine reported is not the hash of what it sent." },
    },
  ])("$what", async ({ spoiled, end }) => {
    const report = spoiled();
    const answer = await send(run.providerId, [report]);
    expect([answer.status, answer.json.results]).toEqual([
      200,
      [{ execution_id: run.id, status: "accepted", detail: end.detail }],
    ]);
    expect(await endOf(run)).toMatchObject({ status: "failed", digest: null, ...end });
    expect((await send(run.providerId, [report])).json.results[0].status).toBe("accepted"); // sent again, kept once
    expect(await letOthersFinish()).toEqual(RIGHT);
    expect(Math.min(...(await reputations()))).toBe(100);
    expect(await expectSound(wire.world.db)).toEqual([]);
  });

  const hashOf = (text: string): Partial<ResultReport> => {
    const hash = sha256(text);
    return { result_hash: hash, signature: fleet.sign(run.providerId, resultText(run.id, hash)) };
  };
  const another = () => fleet.machines.find((id) => id !== run.providerId) ?? run.providerId;
  function withFile(path: string): ResultReport {
    const [stdout, content] = [Buffer.from("right"), Buffer.from("x")];
    const file = { path, sha256: sha256(content), bytes: content.byteLength };
    const hash = sha256(manifestText({ stdoutSha256: sha256(stdout), stdoutBytes: stdout.byteLength, files: [file] }));
    const signature = fleet.sign(run.providerId, resultText(run.id, hash));
    const files = [{ path, content: content.toString("base64") }];
    return reportOf(run, stdout, { files, result_hash: hash, signature });
  }
});

describe("nothing is written", () => {
  let before: Record<string, string>;
  beforeEach(async () => {
    before = await everything(wire.world.db);
  });
  const expectNothingWritten = async () => expect(await everything(wire.world.db)).toEqual(before);
  const stranger = () => fleet.machines.find((id) => id !== run.providerId) ?? run.providerId;

  test("of a result for an execution that another machine was given, or nobody", async () => {
    const [own] = (await fleet.live(job)).filter(({ providerId }) => providerId !== run.providerId);
    const stolen = { ...fleet.report({ id: run.id, providerId: stranger() }) };
    const unknown = { ...stolen, execution_id: `exec_${"0".repeat(26)}` };
    const answer = await send(stranger(), [stolen, unknown]);
    expect([answer.status, answer.json.results]).toEqual([
      200,
      [run.id, unknown.execution_id].map((id) => ({
        ...{ execution_id: id, status: "refused", detail: "This machine was given no such execution." },
      })),
    ]);
    await expectNothingWritten();
    // One that is refused spoils no other of its batch.
    if (!own) throw new Error("the panel has one machine only");
    const mixed = await send(own.providerId, [
      fleet.report({ id: run.id, providerId: own.providerId }),
      fleet.report(own),
    ]);
    expect(mixed.json.results.map(({ status }: { status: string }) => status)).toEqual(["refused", "accepted"]);
    expect(await endOf(run)).toMatchObject({ status: "scheduled", stdout: null });
  });

  test("of a body that another machine signed, or that was changed on its way", async () => {
    const raw = JSON.stringify({ seq: 1, results: [fleet.report(run)] });
    const foreign = await wire.ask(pathOf(run.providerId), { raw, headers: signed(stranger(), raw, 1) });
    const changed = await wire.ask(pathOf(run.providerId), {
      raw: raw.replace("completed", "failed"),
      headers: signed(run.providerId, raw, 1),
    });
    for (const { status, json } of [foreign, changed]) expect([status, json.code]).toEqual([401, "bad-signature"]);
    await expectNothingWritten();
  });

  test("of bodies with NUL or bytes that are no UTF-8, with stdout that is no base64, and with hashes that are none", async () => {
    const good = JSON.stringify({ seq: 1, results: [fleet.report(run)] });
    const at = good.indexOf('"detail":"') + '"detail":"'.length;
    const bodies = [0x00, 0xff].map((byte) =>
      Buffer.concat([Buffer.from(good.slice(0, at)), Buffer.of(byte), Buffer.from(good.slice(at))]),
    );
    for (const raw of bodies) {
      const answer = await wire.ask(pathOf(run.providerId), { raw, headers: signed(run.providerId, raw, 1) });
      expect([answer.status, answer.json.code]).toEqual([400, "bad-request"]);
    }
    for (const [field, value] of [
      ["stdout", "a\0b"],
      ["stdout", "not base64!"],
      ["result_hash", "F".repeat(64)],
      ["execution_id", "exec_'"],
      ["run_ms", -1],
    ]) {
      const answer = await send(run.providerId, [{ ...fleet.report(run), [String(field)]: value }]);
      expect([answer.status, answer.json.fields?.[0]?.field]).toEqual([400, `results.0.${field}`]);
    }
    await expectNothingWritten();
  });

  test("of a body larger than 2 MiB, whether it says so or not, signed right as it is", async () => {
    const raw = JSON.stringify({ seq: 1, results: [reportOf(run, Buffer.alloc(MAX_BODY_BYTES, "x"))] });
    const said = { ...signed(run.providerId, raw, 1), "content-length": String(raw.length) };
    for (const headers of [said, { ...signed(run.providerId, raw, 1), "transfer-encoding": "chunked" }]) {
      const answer = await stream(run.providerId, raw, headers);
      expect(answer).toMatchObject({ status: 413, type: "application/problem+json", code: "too-large" });
    }
    await expectNothingWritten();
    expect(await letOthersFinish()).toEqual(RIGHT); // the machine's own result among them
  });

  /** Node's own client, which writes what it can and reads what comes. */
  function stream(provider: ProviderId, raw: string, headers: Record<string, string>) {
    return new Promise((resolve, reject) => {
      const request = httpRequest({
        host: "127.0.0.1",
        port: wire.port,
        path: pathOf(provider),
        method: "POST",
        headers,
      });
      request.on("error", reject);
      request.on("response", (response) => {
        let text = "";
        response.on("data", (part) => {
          text += String(part);
        });
        response.on("end", () => {
          const { code } = JSON.parse(text);
          resolve({ status: response.statusCode, type: response.headers["content-type"], code });
        });
      });
      request.end(raw);
    });
  }
});

describe("of a finished job", () => {
  /** All but what was delivered: that is kept for the customer to see. */
  async function outcome() {
    const { batch_executions: _, batch_results: __, ...rest } = await everything(wire.world.db);
    return rest;
  }

  test("a result that comes after the customer cancelled is late, and changes neither job, money nor score", async () => {
    await cancelBatch(wire.deps, customer, job);
    const before = await outcome();
    const answer = await send(run.providerId, [fleet.report(run)]);
    expect([answer.status, answer.json.results]).toEqual([
      200,
      [{ execution_id: run.id, status: "late", detail: "The job was decided without it." }],
    ]);
    expect(await outcome()).toEqual(before);
    expect(await endOf(run)).toMatchObject({ status: "stopped", end: "cancelled" });
  });

  test("the same again is accepted and another one refused, and neither writes anything", async () => {
    expect(await letOthersFinish()).toEqual(RIGHT);
    const before = await everything(wire.world.db);
    const again = await send(run.providerId, [fleet.report(run)]);
    const other = await send(run.providerId, [fleet.report(run, { stdout: "something else" })]);
    expect(again.json.results[0]).toMatchObject({ status: "accepted", detail: "" });
    expect(other.json.results[0]).toMatchObject({
      ...{ status: "refused", detail: "Another result of this execution was delivered before." },
    });
    expect(await everything(wire.world.db)).toEqual(before);
  });
});
