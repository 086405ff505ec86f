import { expect, test } from "vitest";
import { namesRegistry, tooLong } from "./check-files.ts";

test("500 lines pass and 501 are refused", () => {
  expect(tooLong([{ path: "a.ts", text: "x\n".repeat(500) }])).toEqual([]);
  expect(tooLong([{ path: "a.ts", text: "x\n".repeat(501) }])[0]).toContain("a.ts has 501 lines");
});

test("what a tool wrote may be long", () => {
  expect(tooLong([{ path: "drizzle/migrations/meta/x.ts", text: "x\n".repeat(900) }])).toEqual([]);
});

test("a lock file that names a registry is refused", () => {
  expect(namesRegistry('{"resolved": "https://registry.example/a.tgz"}')).toHaveLength(1);
  expect(namesRegistry('{"resolved": "packages/a", "version": "1.0.0"}')).toEqual([]);
});
