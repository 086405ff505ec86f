// What is hashed of a result, and what of it is compared.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Comparator } from "../job/batch.ts";
import { agrees, canonicalText, manifestText, type Output } from "./manifest.ts";

const sha256 = fc.stringMatching(/^[0-9a-f]{64}$/);
const path = fc.oneof(fc.string(), fc.constantFrom("a", 'a"\nfile 1 b "c', "a\nb", "é", "\ud800", "\\n", "a/b", ""));
const file = fc.record({ path, sha256: fc.constantFrom("0".repeat(64), "1".repeat(64)), bytes: fc.nat(3) });
const someOutput: fc.Arbitrary<Output> = fc.record({
  ...{ stdoutSha256: sha256, stdoutBytes: fc.nat() },
  files: fc.uniqueArray(file, { selector: (one) => one.path, maxLength: 4 }),
});
const byPath = (output: Output) => [...output.files].sort((a, b) => (a.path < b.path ? -1 : 1));

const EMPTY: Output = { stdoutSha256: "e".repeat(64), stdoutBytes: 0, files: [] };
const JSON_VALUES: Comparator = { kind: "json" };
const within = (rtol: number, atol: number): Comparator => ({ kind: "numeric", rtol, atol });
const json = (stdout: string) => canonicalText(JSON_VALUES, EMPTY, stdout);

function areAlike(comparator: Comparator, a: string, b: string, other: Output = EMPTY): boolean {
  const [left, right] = [canonicalText(comparator, EMPTY, a), canonicalText(comparator, other, b)];
  if (left === null || right === null) throw new Error("unread");
  const [one, two] = [
    { digest: left, text: left },
    { digest: right, text: right },
  ];
  const found = agrees(comparator, one, two);
  expect(agrees(comparator, two, one)).toBe(found);
  return found;
}

describe("the manifest", () => {
  test("is the same text only for the same output, whatever the names of its files", () => {
    fc.assert(
      fc.property(someOutput, someOutput, (a, b) => {
        const areSame =
          a.stdoutSha256 === b.stdoutSha256 &&
          a.stdoutBytes === b.stdoutBytes &&
          JSON.stringify(byPath(a)) === JSON.stringify(byPath(b));
        expect(manifestText(a) === manifestText(b)).toBe(areSame);
      }),
    );
  });
  test("can be read back, so that nothing is lost in it", () => {
    fc.assert(
      fc.property(someOutput, (output) => {
        const [head, stdout, ...files] = manifestText(output).split("\n");
        expect(head).toBe("berth-manifest-1");
        expect(stdout).toBe(`stdout ${output.stdoutBytes} ${output.stdoutSha256}`);
        const read = files.map((line) => {
          const [, bytes, hash, name] = /^file (\d+) ([0-9a-f]{64}) (.*)$/.exec(line) ?? [];
          return { path: JSON.parse(name!), sha256: hash, bytes: Number(bytes) };
        });
        expect(read).toEqual(byPath(output));
      }),
    );
  });
  test("does not depend on the order in which files were found", () => {
    fc.assert(
      fc.property(someOutput, (output) => {
        expect(manifestText({ ...output, files: [...output.files].reverse() })).toBe(manifestText(output));
      }),
    );
  });
});

describe("exact and files", () => {
  test("compare the bytes of everything, and of the files alone", () => {
    fc.assert(
      fc.property(someOutput, sha256, (output, other) => {
        expect(canonicalText({ kind: "exact" }, output, "")).toBe(manifestText(output));
        const changed = { ...output, stdoutSha256: other };
        expect(canonicalText({ kind: "files" }, changed, "x")).toBe(canonicalText({ kind: "files" }, output, ""));
      }),
    );
  });
  test("never take one digest for another", () => {
    const [a, b] = [
      { digest: "a", text: "1" },
      { digest: "b", text: "1" },
    ];
    for (const kind of ["exact", "files", "json"] as const) expect(agrees({ kind }, a, b)).toBe(false);
  });
});

describe("json", () => {
  test("is the same for the same value, however it is written", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(0, 2, "\t"), (value, space) => {
        const text = JSON.stringify(value);
        expect(json(JSON.stringify(value, turned, space))).toBe(json(text));
        expect(json(` ${text}\n`)).toBe(json(text));
      }),
    );
    expect(json('{"b":1.0,"a":[-0,1e2,"\\u0041"]}')).toBe(json('{ "a": [0, 100, "A"], "b": 1 }'));
    expect(json("0.1")).toBe(json("0.10000000000000001"));
    expect(json("1E+2")).toBe(json("100.00"));
  });
  test("is another for another value: nothing is lost", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = json(JSON.stringify(value)) ?? "";
        expect(JSON.parse(text.slice(text.indexOf("\n\n")))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
    expect(json('"1"')).not.toBe(json("1"));
    expect(json('{"a":1}')).not.toBe(json('{"A":1}'));
    expect(json('{"__proto__":1}')).not.toBe(json("{}"));
  });
  test("keeps the digits that a double would lose", () => {
    expect(json("9007199254740993")).not.toBe(json("9007199254740992"));
    expect(json("123456789012345678901")).not.toBe(json("123456789012345678902"));
    expect(json("1e400")).not.toBe(json("1e401"));
    expect(json("1e-400")).not.toBe(json("0"));
    expect(json("9007199254740993.0")).toBe(json("900719925474099300e-2"));
    expect(json("-0.0e5")).toBe(json("0"));
  });
  test("is refused where readers would differ, or it is none", () => {
    for (const text of [
      '{"a":1,"a":1}',
      '{"a":1,"\\u0061":2}',
      "",
      "{",
      "01",
      "1.",
      "+1",
      "NaN",
      "[1,]",
      "{a:1}",
      "1 2",
    ])
      expect(json(text)).toBeNull();
    for (const text of [
      '"\n"',
      '"\\x"',
      "'a'",
      "1e9999999",
      "[".repeat(100_000),
      `${"[".repeat(300)}${"]".repeat(300)}`,
    ])
      expect(json(text)).toBeNull();
    fc.assert(
      fc.property(fc.string(), (text) => {
        if (json(text) !== null) expect(() => JSON.parse(text)).not.toThrow();
      }),
    );
  });
  test("of a megabyte is read", () => {
    const long = JSON.stringify({ text: '\\"'.repeat(250_000), list: Array.from({ length: 50_000 }, (_, i) => i / 7) });
    expect(json(long)).toBe(json(` ${long}`));
    expect(areAlike(within(0.1, 0), long, long.replace("[0,", "[0.0,"))).toBe(true);
  });
  test("compares the files too, byte by byte", () => {
    const files = [{ path: "a", sha256: "0".repeat(64), bytes: 1 }];
    expect(canonicalText(JSON_VALUES, { ...EMPTY, files }, "1")).not.toBe(json("1"));
  });
});

describe("numeric", () => {
  test("takes numbers for the same within the tolerance, in JSON and in text", () => {
    expect(areAlike(within(0.01, 0), '{"loss":1.000}', '{"loss": 1.009}')).toBe(true);
    expect(areAlike(within(0.01, 0), '{"loss":1.000}', '{"loss": 1.02}')).toBe(false);
    expect(areAlike(within(0, 0.5), "loss 1.5 after 3\n", "loss 1.9 after 3\n")).toBe(true);
    expect(areAlike(within(0, 0.5), "loss 1.5\n", "lost 1.5\n")).toBe(false);
    expect(areAlike(within(0, 0.5), "1.5 2.5\n", "1.5\n")).toBe(false);
    expect(areAlike(within(0, 0), "a 1.50 b -0", "a 1.5 b 0")).toBe(true);
  });
  test("never takes digits of a word, a version, a hash, a string or a key for a number", () => {
    const wide = within(1, 1000);
    for (const [a, b] of [
      ["sha256:12ab", "sha256:13ab"],
      ["v1.2.3", "v1.2.4"],
      ["1.2.3 is out", "1.2.4 is out"],
      ["gpu_1", "gpu_2"],
      ['{"a":"1"}', '{"a":"2"}'],
      ['{"1":0}', '{"2":0}'],
    ] as const)
      expect(areAlike(wide, a, b)).toBe(false);
  });
  test("compares files byte by byte, also where their hashes look like numbers", () => {
    const files = [{ path: "1", sha256: "1".repeat(64), bytes: 1 }];
    expect(areAlike(within(1, 1000), "1", "1", { ...EMPTY, files })).toBe(false);
  });
  test("tells numbers apart that are one double where the tolerance is smaller than that", () => {
    expect(areAlike(within(0, 0), "[9007199254740993]", "[9007199254740992]")).toBe(false);
    expect(areAlike(within(0, 0.5), "[9007199254740993]", "[9007199254740992]")).toBe(false);
    expect(areAlike(within(0, 0), "x 1e-400", "x 0")).toBe(false);
    expect(areAlike(within(1e-9, 0), "[9007199254740993]", "[9007199254740992]")).toBe(true);
    expect(areAlike(within(1, 1), "[1e400]", "[1e401]")).toBe(false);
  });
  test("is the law |a − b| ≤ atol + rtol·max(|a|, |b|), whichever comes first", () => {
    const number = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 });
    const tolerance = fc.double({ noNaN: true, min: 0, max: 2 });
    fc.assert(
      fc.property(number, number, tolerance, tolerance, fc.boolean(), (a, b, rtol, atol, isJson) => {
        const [allowed, gap] = [atol + rtol * Math.max(Math.abs(a), Math.abs(b)), Math.abs(a - b)];
        fc.pre(a !== b && Math.abs(gap - allowed) > 1e-6);
        const write = (value: number) => (isJson ? `[${value}]` : `x = ${value}`);
        expect(areAlike(within(rtol, atol), write(a), write(b))).toBe(gap <= allowed);
      }),
    );
  });
  test("writes a text that is already canonical as it is", () => {
    const word = fc.constantFrom("1", ".5", "-0", "+1.50", "1e5", "e", " ", ".", "-", "a", "\n", "1e400", "007", "é");
    fc.assert(
      fc.property(
        fc.array(word).map((words) => `text: ${words.join("")}`),
        (text) => {
          const stdout = (of: string) => {
            const canonical = canonicalText(within(0, 0), EMPTY, of) ?? "";
            return canonical.slice(canonical.indexOf("\n\n") + 2);
          };
          expect(stdout(stdout(text))).toBe(stdout(text));
        },
      ),
    );
  });
});

/** Keys the other way round. */
function turned(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).reverse());
}
