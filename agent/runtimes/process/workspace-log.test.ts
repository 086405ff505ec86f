import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openWorkspaceLog, readWorkspaceLog } from "./workspace-log.ts";

const AT = new Date("2026-01-01T00:00:00.000Z");
let dir: string;
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), "berth-log-")), "log");
});
afterEach(() => rmSync(join(dir, ".."), { recursive: true, force: true }));

const open = (fileBytes = 1000) => openWorkspaceLog(dir, () => AT, fileBytes);

/** All that can be read from a place on, and where it begins. */
async function readFrom(offset: number) {
  const first = await readWorkspaceLog(dir, offset);
  if (!first) return null;
  let text = first.text;
  for (;;) {
    const part = await readWorkspaceLog(dir, first.offset + text.length);
    if (!part) return { offset: first.offset, text };
    expect(part.offset).toBe(first.offset + text.length);
    text += part.text;
  }
}

test("a line says when, in a form that machines read too, and what", async () => {
  open()("A shell begins.");
  expect(await readWorkspaceLog(dir, 0)).toEqual({ offset: 0, text: "2026-01-01T00:00:00.000Z A shell begins.\n" });
});

test("where nothing was written there is nothing to read, and nothing more behind the end", async () => {
  expect(await readWorkspaceLog(dir, 0)).toBeNull();
  open()("line");
  const end = (await readWorkspaceLog(dir, 0))?.text.length ?? 0;
  expect(await readWorkspaceLog(dir, end)).toBeNull();
  expect(await readWorkspaceLog(dir, end + 10_000)).toBeNull();
});

test("what would move a terminal's cursor or break a line is gone, and letters of all scripts stay", async () => {
  open()("a\nb\x1b[31mc\0d\ud800é😀\u202e");
  expect((await readWorkspaceLog(dir, 0))?.text.slice(25)).toBe("a b [31mc d é😀 \n");
});

test("a place is the same after older files are gone, and what is read from a lost place begins with the first that is left", async () => {
  const write = open();
  let whole = "";
  for (let n = 0; n < 200; n++) {
    write(`line ${n} é😀`);
    whole += `${AT.toISOString()} line ${n} é😀\n`;
  }
  expect(readdirSync(dir).length).toBeLessThanOrEqual(4);
  const kept = await readFrom(0);
  expect(kept?.offset).toBeGreaterThan(0);
  expect(kept?.text).toBe(whole.slice(kept?.offset));
});

test("from any place, what is read is the whole from there, in whole lines, whoever wrote in turns", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ maxLength: 300, unit: "grapheme" }), { minLength: 1, maxLength: 40 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (lines, share) => {
        rmSync(dir, { recursive: true, force: true });
        const writers = [open(500), open(500)];
        let whole = "";
        for (const [at, line] of lines.entries()) {
          writers[at % 2]?.(line);
          const newest = readdirSync(dir).sort().at(-1) ?? "";
          const text = readFileSync(join(dir, newest), "utf8");
          whole = whole.slice(0, Number(newest.slice(0, 16))) + text;
        }
        const asked = Math.floor(share * whole.length);
        const read = await readFrom(asked);
        if (read) expect(read.text).toBe(whole.slice(read.offset));
        else expect(whole.slice(asked)).toBe("");
      },
    ),
    { numRuns: 60 },
  );
});

test("a line that is being written is not read before it is whole", async () => {
  open()("whole");
  const [name = ""] = readdirSync(dir);
  const whole = readFileSync(join(dir, name), "utf8");
  writeFileSync(join(dir, name), `${whole}half of a li`);
  expect((await readFrom(0))?.text).toBe(whole);
});

test("a log that cannot be written breaks nothing", () => {
  writeFileSync(dir, "a file where the folder should be");
  expect(() => open()("line")).not.toThrow();
});
