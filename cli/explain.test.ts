import { createServer } from "node:http";
import picocolors from "picocolors";
import { expect, test } from "vitest";
import { z } from "zod";
import { PROBLEMS } from "../domain/errors.ts";
import { ProblemError, refusalOf } from "../protocol/client.ts";
import type { Problem } from "../protocol/problem.ts";
import { CliError } from "./errors.ts";
import { explain, renderError } from "./explain.ts";
import { wantsColour } from "./io.ts";

const BROKER = "http://127.0.0.1:8080";
const plain = picocolors.createColors(false);
const told = (error: unknown) => renderError(explain(error, BROKER), plain);

function problem(code: keyof typeof PROBLEMS, over: Partial<Problem> = {}): Problem {
  const { status, title, retry } = PROBLEMS[code];
  return { type: "about:blank", title, status, detail: "Why.", code, request_id: "req_1", retry, ...over };
}

test("a refusal tells title, reason, every field and what to do", () => {
  const fields = [{ field: "gpu_count", message: "is too many" }];
  expect(told(new ProblemError(problem("no-capacity", { fields }), null))).toBe(
    [
      "berth: No offer fits.",
      "  Why.",
      "  gpu_count: is too many",
      "  → Look at what there is: berth offers. `--dry-run` says what would fit.",
    ].join("\n"),
  );
  expect(told(new ProblemError(problem("unauthenticated"), null))).toContain("→ Log in: berth login");
  expect(told(new ProblemError(problem("too-many-requests"), 7))).toContain("→ Try again in 7 s.");
});

test("a failure of the broker's own names the request, so that its operator can find it", () => {
  expect(told(new ProblemError(problem("internal"), null))).toContain("request id req_1");
});

test("what a broker says cannot drive the terminal", () => {
  expect(told(new ProblemError(problem("conflict", { detail: "\u001b[2Jgone\nnext" }), null))).toBe(
    "berth: The state does not allow this.\n  gone next",
  );
});

test("a broker that is not there is told as that, with its address", async () => {
  const refused = await fetch("http://127.0.0.1:1/").catch((error: unknown) => error);
  expect(told(refused)).toMatch(/^berth: .*http:\/\/127\.0\.0\.1:8080.*\n {2}→ Is the broker up/);
  const system = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
  expect(told(new TypeError("fetch failed", { cause: system }))).toContain(`Nothing answers at ${BROKER}.`);
});

test("an address of something else is told as that: https where no TLS is spoken, a page that is not there", async () => {
  const other = createServer((_, answer) => answer.writeHead(404).end("Not Found"));
  await new Promise<void>((listening) => void other.listen(0, "127.0.0.1", listening));
  const address = other.address();
  if (address === null || typeof address === "string") throw new Error("it does not listen");
  try {
    const plain = await fetch(`https://127.0.0.1:${address.port}/`).catch((error: unknown) => error);
    expect(told(plain)).toContain(`${BROKER} speaks no TLS`);
    const page = await refusalOf(await fetch(`http://127.0.0.1:${address.port}/`));
    expect(told(page)).toContain("→ Is the broker up, and is the address right?");
  } finally {
    other.close();
  }
});

test("an answer of another version is told as that, not as a bug", () => {
  const unknown = z.strictObject({ status: z.string() }).safeParse({ status: 1 }).error;
  expect(told(unknown)).toContain("different versions");
});

test("every error ends with 255, but for what says otherwise", () => {
  const errors = [new ProblemError(problem("conflict"), null), new Error("x"), "text", new TypeError("fetch failed")];
  expect(errors.map((error) => explain(error, null).exitCode)).toEqual([255, 255, 255, 255]);
  expect(explain(new CliError("x", { exitCode: 1 }), null).exitCode).toBe(1);
});

test("colour is for terminals, and NO_COLOR and dumb ones have none", () => {
  expect(wantsColour(true, {})).toBe(true);
  expect([wantsColour(false, {}), wantsColour(true, { NO_COLOR: "1" }), wantsColour(true, { TERM: "dumb" })]).toEqual(
    Array(3).fill(false),
  );
  expect(wantsColour(true, { NO_COLOR: "" })).toBe(true);
});
