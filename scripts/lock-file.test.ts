import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { complete, missingOptionals } from "./lock-file.ts";

const LOCK = JSON.stringify({
  lockfileVersion: 3,
  packages: {
    "": { name: "house" },
    "node_modules/tool": {
      version: "1.2.3",
      dev: true,
      optionalDependencies: {
        "@tool/linux-x64": "1.2.3",
        "@tool/linux-arm64-musl": "1.2.3",
        "@tool/darwin-x64": "1.2.3",
      },
    },
    "node_modules/@tool/linux-x64": { version: "1.2.3", optional: true },
  },
});

test("an optional package of another platform that has no entry is found and filled in, for that platform", () => {
  expect(missingOptionals(LOCK).map(({ name }) => name)).toEqual(["@tool/linux-arm64-musl", "@tool/darwin-x64"]);
  const { packages } = JSON.parse(complete(LOCK));
  expect(packages["node_modules/@tool/darwin-x64"]).toEqual({
    version: "1.2.3",
    cpu: ["x64"],
    os: ["darwin"],
    dev: true,
    optional: true,
  });
  expect(packages["node_modules/@tool/linux-arm64-musl"]).toMatchObject({
    cpu: ["arm64"],
    libc: ["musl"],
    os: ["linux"],
  });
  expect(missingOptionals(complete(LOCK))).toEqual([]);
});

test("a complete lock file stays as it is", () => {
  const done = complete(LOCK);
  expect(complete(done)).toBe(done);
});

test("Berth's own lock file is complete", () => {
  expect(missingOptionals(readFileSync(new URL("../package-lock.json", import.meta.url), "utf8"))).toEqual([]);
});
