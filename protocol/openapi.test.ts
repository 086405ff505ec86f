import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import packageJson from "../package.json" with { type: "json" };
import { openApi } from "./openapi.ts";
import { OPERATION_NAMES, operations, pathOf } from "./operations.ts";

const COPY = new URL("../docs/openapi.json", import.meta.url);
const now = `${JSON.stringify(openApi(packageJson.version), null, 2)}\n`;

test("docs/openapi.json is what the operations say; UPDATE_OPENAPI=1 writes it anew", () => {
  if (process.env.UPDATE_OPENAPI === "1") writeFileSync(COPY, now);
  expect(readFileSync(COPY, "utf8")).toBe(now);
});

test("no two operations share a method and a path", () => {
  const lines = OPERATION_NAMES.map((name) => `${operations[name].method} ${pathOf(name).replaceAll(/:\w+/g, ":")}`);
  expect(new Set(lines).size).toBe(lines.length);
});

test("every path parameter is described, and every described one is in the path", () => {
  for (const name of OPERATION_NAMES) {
    const inPath = [...pathOf(name).matchAll(/:(\w+)/g)].map(([, parameter]) => parameter);
    const described = Object.keys(JSON.parse(JSON.stringify(operations[name].params.shape)));
    expect(described, name).toEqual(inPath);
  }
});
