import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { expect, test } from "vitest";
import { createLog } from "./log.ts";

function logged(write: (log: ReturnType<typeof createLog>) => void): Record<string, unknown> & { text: string } {
  const lines: string[] = [];
  write(createLog("test", { write: (line) => void lines.push(line) }));
  const text = lines.join("");
  return { ...JSON.parse(text), text };
}

test("a line is JSON with its process, its message and its fields", () => {
  const line = logged((log) => log.info({ job: "job_1", micros: 5n }, "rented"));
  expect(line).toMatchObject({ level: 30, name: "test", msg: "rented", job: "job_1", micros: 5 });
});

test("no secret reaches a log, at the top or in what is nested", () => {
  const secret = "s3cr3t";
  const fields = {
    authorization: secret,
    cookie: secret,
    token: secret,
    signature: secret,
    privateKey: secret,
    private_key: secret,
    password: secret,
    env: { HF_TOKEN: secret },
    "set-cookie": [secret],
  };
  for (const nested of [fields, { request: fields }, { request: { headers: fields } }]) {
    const line = logged((log) => log.warn(nested, "seen"));
    expect(line.text).not.toContain(secret);
    expect(line.text).toContain("[redacted]");
  }
});

test("a failed query is logged with its cause, without its parameters", async () => {
  const client = postgres("postgres://nobody@127.0.0.1:1/none", { max: 1 });
  const failure = await drizzle(client)
    .execute(sql`select ${"s3cr3t\n    parameter"}`)
    .catch((error: unknown) => error);
  await client.end();
  for (const field of ["err", "error"]) {
    const line = logged((log) => log.error({ [field]: failure }, "failed"));
    expect(line.text).not.toContain("s3cr3t");
    expect(line).toMatchObject({
      [field]: { message: expect.stringContaining("Failed query"), cause: { code: "ECONNREFUSED" } },
    });
  }
});
