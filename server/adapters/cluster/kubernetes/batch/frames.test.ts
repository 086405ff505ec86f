import fc from "fast-check";
import { expect, test } from "vitest";
import { runOf } from "./frames.ts";

const RAN = {
  startedAt: new Date("2026-01-01T00:00:10Z"),
  finishedAt: new Date("2026-01-01T00:00:13Z"),
  ...{ oomKilled: false, memoryMb: 64, timeoutSeconds: 60 },
};

/** As the collector prints it. */
function printed(exit: string, stdout: Uint8Array, files: readonly (readonly [string, Uint8Array])[], hex: boolean) {
  const block = (bytes: Uint8Array) => {
    const buffer = Buffer.from(bytes);
    if (hex)
      return `${buffer
        .toString("hex")
        .replaceAll(/(..)/g, " $1")
        .replaceAll(/(.{48})/g, "$1\n")}\n.\n`;
    return `${buffer.toString("base64").replaceAll(/(.{76})/g, "$1\n")}\n.\n`;
  };
  return [
    `berth-run-1 ${hex ? "hex" : "base64"}\nexit ${exit}\n`,
    `stdout ${stdout.length}\n${block(stdout)}stderr 0\n${block(new Uint8Array())}`,
    ...files.map(([path, content]) => `file ${content.length}\n${block(Buffer.from(path))}${block(content)}`),
    "end\n",
  ].join("");
}

test("whatever was printed is read as it was, in either encoding", () => {
  const file = fc.tuple(
    fc.string({ minLength: 1, maxLength: 40, unit: "grapheme" }).filter((path) => !path.includes("\0")),
    fc.uint8Array({ maxLength: 300 }),
  );
  const text = fc.string({ unit: "grapheme", maxLength: 300 }).filter((one) => !one.includes("\0"));
  fc.assert(
    fc.property(
      text,
      fc.uniqueArray(file, { maxLength: 4, selector: ([path]) => path }),
      fc.boolean(),
      (out, files, hex) => {
        const run = runOf(printed("0 3000 0", Buffer.from(out), files, hex), RAN);
        expect(run).toMatchObject({ end: null, runMs: 3000, exitCode: 0 });
        expect(Buffer.from(run?.stdout ?? []).toString()).toBe(out);
        expect(run?.files.map(({ path, content }) => [path, [...content]])).toEqual(
          files.map(([path, content]) => [path, [...content]]),
        );
      },
    ),
  );
});

test("a log that was cut anywhere, or goes on, tells nothing", () => {
  const whole = printed("0 3000 0", Buffer.from("a text of some length"), [["a", Buffer.from("b")]], false);
  expect(runOf(whole, RAN)).not.toBeNull();
  for (let length = 0; length < whole.length; length++) expect(runOf(whole.slice(0, length), RAN)).toBeNull();
  expect(runOf(`${whole}x`, RAN)).toBeNull();
  expect(runOf(whole.replace("stdout 21", "stdout 22"), RAN)).toBeNull();
});

test.each([
  ["nothing", "0", 2000],
  ["an hour", "3600000", 4000],
  ["what the kubelet saw", "2500", 2500],
  ["less than nothing", "-5", 2000],
])("a program that says it ran for %s is believed as far as the kubelet saw it", (_, said, runMs) => {
  expect(runOf(printed(`0 ${said} 0`, new Uint8Array(), [], false), RAN)).toMatchObject({ runMs });
});

test("memory was why only where the kubelet says so: 137 by itself is an exit code as every other", () => {
  const end = (code: number, oomKilled: boolean) =>
    runOf(printed(`${code} 3000 0`, new Uint8Array(), [], false), { ...RAN, oomKilled })?.end;
  for (const code of [1, 137]) expect([end(code, false), end(code, true)]).toEqual(["exit-code", "out-of-memory"]);
  expect(end(0, true)).toBeNull();
});

test("a machine's fault can never be said by what runs on it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 255 }), fc.boolean(), fc.boolean(), (code, late, oomKilled) => {
      const run = runOf(printed(`${code} 3000 ${late ? 1 : 0}`, new Uint8Array(), [], false), { ...RAN, oomKilled });
      expect([null, "exit-code", "timed-out", "out-of-memory"]).toContain(run?.end);
    }),
  );
});
