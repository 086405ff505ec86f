import { spawn } from "node:child_process";
import { once } from "node:events";
import { buffer, text } from "node:stream/consumers";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { END_OF_INPUT, guardOf, inTerminal, linesOf, throughPipes } from "./wrap.ts";

/** As a node starts it: in a session of its own. */
function start([program = "", ...args]: readonly string[]) {
  const child = spawn(program, args, { detached: true, stdio: "pipe" });
  child.stdin.on("error", () => {});
  onTestFinished(() => {
    child.kill("SIGKILL"); // says no more than false where it is gone
  });
  return child;
}

async function run(command: readonly string[], input: string) {
  const child = start(throughPipes(command));
  child.stdin.end(input);
  const [out, err, [code, signal]] = await Promise.all([
    buffer(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { out, err, code, signal };
}

test("whatever bytes go in come out", async () => {
  const every = Buffer.from(Array.from({ length: 256 * 9 }, (_, at) => (at * 7) & 255));
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 5000 }), fc.constant(every)).map((part) => Buffer.from(part));
  await fc.assert(
    fc.asyncProperty(fc.array(bytes, { maxLength: 4 }), async (parts) => {
      const { out } = await run(["cat"], parts.map(linesOf).join("") + END_OF_INPUT);
      expect(out.equals(Buffer.concat(parts))).toBe(true);
    }),
    { numRuns: 25 },
  );
});

test("arguments arrive as they are, and the program is no word of the shell", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ unit: "grapheme" }).filter((arg) => !arg.includes("\0"))), async (args) => {
      const { out } = await run(["/usr/bin/env", "printf", "%s\\0", "-", ...args], END_OF_INPUT);
      expect(out.toString()).toBe(["-", ...args].map((arg) => `${arg}\0`).join(""));
    }),
    { numRuns: 25 },
  );
  expect((await run(["exit", "3"], END_OF_INPUT)).code).toBe(127);
});

test("the end is the command's own, though nobody told the end of its stdin, and stderr is its own too", async () => {
  const child = start(throughPipes(["sh", "-c", "echo mine >&2; kill -TERM $$"]));
  const [err, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  expect([err, code]).toEqual(["mine\n", 143]);
});

test("a connection that breaks hangs up what runs; a stdin that ends does not", async () => {
  const slow = ["sh", "-c", "trap 'echo hung up; exit 9' HUP; echo up; while :; do sleep 0.1; done"];
  const broken = start(throughPipes(slow));
  const said = text(broken.stdout);
  await once(broken.stdout, "readable");
  broken.stdin.end(linesOf(Buffer.from("half a")));
  await once(broken, "close");
  expect(await said).toContain("hung up");
  expect(
    (await run(["sh", "-c", "cat; sleep 0.3; echo whole"], `${linesOf(Buffer.from("said "))}${END_OF_INPUT}`)).out,
  ).toEqual(Buffer.from("said whole\n"));
});

test("the first line in a terminal is the number of what then runs there", async () => {
  const child = start(inTerminal(["sh", "-c", 'echo "$$ $TERM"']));
  expect(await text(child.stdout)).toBe(`${child.pid}\n${child.pid} xterm-256color\n`);
});

test("a guard hangs up when it is left without a word, and only then", async () => {
  const guarded = start(["sleep", "60"]);
  const told = start(guardOf(String(guarded.pid)));
  told.stdin.end("\n");
  await once(told, "close");
  expect(guarded.exitCode ?? guarded.signalCode).toBeNull();
  const left = start(guardOf(String(guarded.pid)));
  const hungUp = once(guarded, "close");
  left.stdin.end();
  expect(await hungUp).toEqual([null, "SIGHUP"]);
});

test("what notes a first hang-up down and waits on is hung up once more", async () => {
  const slow = start(["sh", "-c", "trap 'n=x$n; [ $n != xx ] || exit 9' HUP; echo up; while :; do sleep 0.1; done"]);
  await once(slow.stdout, "readable");
  const ended = once(slow, "close");
  start(guardOf(String(slow.pid))).stdin.end();
  expect(await ended).toEqual([9, null]);
});
