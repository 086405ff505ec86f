import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { z } from "zod";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

const Cruise = z.object({
  summary: z.object({
    violations: z.array(z.object({ from: z.string(), rule: z.object({ name: z.string(), severity: z.string() }) })),
  }),
});

/** Cruises a house made of `files` under Berth's own rules; the violations as "file: rule". */
function cruise(files: Record<string, string>): string[] {
  const house = mkdtempSync(join(tmpdir(), "berth-rules-"));
  try {
    for (const name of [".dependency-cruiser.cjs", "package.json", "tsconfig.json"]) {
      cpSync(join(ROOT, name), join(house, name));
    }
    symlinkSync(join(ROOT, "node_modules"), join(house, "node_modules"));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(house, path)), { recursive: true });
      writeFileSync(join(house, path), text);
    }
    const report = execFileSync(
      join(ROOT, "node_modules/.bin/depcruise"),
      ["--config", ".dependency-cruiser.cjs", "--output-type", "json", "."],
      { cwd: house, encoding: "utf8" },
    );
    const { violations } = Cruise.parse(JSON.parse(report)).summary;
    expect(violations.every(({ rule }) => rule.severity === "error")).toBe(true);
    return violations.map(({ from, rule }) => `${from}: ${rule.name}`).sort();
  } finally {
    rmSync(house, { recursive: true });
  }
}

const LEAVES = {
  "agent/leaf.ts": "export const leaf = 1;",
  "agent/good/testing.ts": "export const leaf = 1;",
  "app/leaf.ts": "export const leaf = 1;",
  "components/leaf.ts": "export const leaf = 1;",
  "domain/leaf.ts": "export const leaf = 1;",
  "drizzle/leaf.ts": "export const leaf = 1;",
  "protocol/leaf.ts": "export const leaf = 1;",
  "scripts/leaf.ts": "export const leaf = 1;",
  "server/adapters/chain/leaf.ts": "export const leaf = 1;",
  "server/deps.ts": "export const leaf = 1;",
  "server/http/leaf.ts": "export const leaf = 1;",
  "server/repos/leaf.ts": "export const leaf = 1;",
  "server/testing/leaf.ts": "export const leaf = 1;",
  "server/usecases/leaf.ts": "export const leaf = 1;",
  "web/leaf.ts": "export const leaf = 1;",
};

test("what the table allows passes", () => {
  const violations = cruise({
    ...LEAVES,
    "domain/good.ts": 'export * from "./leaf.ts";',
    "protocol/good.ts": 'import "zod"; export * from "../domain/leaf.ts";',
    "server/repos/good.ts": 'import "drizzle-orm"; import "../../drizzle/leaf.ts"; import "../deps.ts";',
    "server/usecases/good.ts": 'import "../repos/leaf.ts"; import "../deps.ts"; import "../../protocol/leaf.ts";',
    "server/adapters/cluster/agent/good.ts": 'import "../../../repos/leaf.ts"; import "../../../../domain/leaf.ts";',
    "server/http/good.ts": 'import "../usecases/leaf.ts"; import "../../protocol/leaf.ts"; import "server-only";',
    "app/good.tsx": 'import "next/link"; import "../components/leaf.ts"; import "../server/http/leaf.ts";',
    "agent/good.ts": 'import "commander"; import "../protocol/leaf.ts"; import "node:fs";',
    "agent/good.test.ts": 'import "vitest"; import "./leaf.ts"; import "../server/testing/leaf.ts";',
    "agent/good/testing.ts": 'import "vitest"; import "../leaf.ts";',
    "scripts/good.ts": 'import "../server/http/leaf.ts"; import "../agent/leaf.ts";',
  });
  expect(violations).toEqual([]);
});

/** [file, what it imports, the rule that must name it] */
const BREACHES: readonly (readonly [path: string, text: string, rule: string])[] = [
  ["domain/bad.ts", 'import "zod";', "domain-is-pure"],
  ["domain/bad.ts", 'import "node:fs";', "domain-is-pure"],
  ["domain/bad.ts", 'import "../protocol/leaf.ts";', "domain-imports-only-its-own"],
  ["protocol/bad.ts", 'import "viem";', "protocol-knows-zod-only"],
  ["protocol/bad.ts", 'import "../server/deps.ts";', "protocol-imports-only-its-own"],
  ["drizzle/bad.ts", 'import "../server/repos/leaf.ts";', "drizzle-imports-only-its-own"],
  ["server/repos/bad.ts", 'import "../usecases/leaf.ts";', "repos-imports-only-its-own"],
  ["server/adapters/queue/bad.ts", 'import "../../repos/leaf.ts";', "adapters-imports-only-its-own"],
  ["server/adapters/queue/bad.ts", 'import "../chain/leaf.ts";', "one-adapter-knows-no-other"],
  ["server/adapters/cluster/agent/bad.ts", 'import "../../../http/leaf.ts";', "agent-adapter-imports-only-its-own"],
  ["server/usecases/bad.ts", 'import "bullmq";', "usecases-know-no-sdk"],
  ["server/usecases/bad.ts", 'import { redirect } from "next/navigation"; redirect("/");', "usecases-know-no-sdk"],
  ["server/usecases/bad.ts", 'import "../adapters/chain/leaf.ts";', "usecases-imports-only-its-own"],
  ["server/usecases/bad.ts", 'import "server-only";', "server-only-stays-at-the-door"],
  ["server/http/bad.ts", 'import "../../web/leaf.ts";', "server-imports-only-its-own"],
  ["app/bad.tsx", 'import "../drizzle/leaf.ts";', "app-imports-only-its-own"],
  ["web/bad.ts", 'import "../agent/leaf.ts";', "web-imports-only-its-own"],
  ["worker/bad.ts", 'import "../web/leaf.ts";', "worker-imports-only-its-own"],
  ["worker/bad.ts", 'import "next/cache";', "next-stays-at-the-door"],
  ["components/bad.tsx", 'import "../server/deps.ts";', "components-imports-only-its-own"],
  [
    "agent/bad.ts",
    'import type { leaf } from "../server/deps.ts"; export type X = typeof leaf;',
    "agent-imports-only-its-own",
  ],
  ["cli/bad.ts", 'import "../agent/leaf.ts";', "cli-imports-only-its-own"],
  ["e2e/bad.ts", 'import "../server/deps.ts";', "e2e-imports-only-its-own"],
  ["server/http/bad.ts", 'import "../testing/leaf.ts";', "nobody-imports-tests-or-their-harness"],
  ["agent/bad.ts", 'import "./good/testing.ts";', "nobody-imports-tests-or-their-harness"],
  ["worker/bad.ts", 'import "autocannon";', "product-code-needs-no-dev-package"],
  ["web/bad.ts", 'import "./nowhere.ts";', "everything-resolves"],
  ["domain/bad.ts", 'import type { A } from "./worse.ts"; export type B = A;', "no-circular"],
];

// One cruise for all of them: each costs most of a second.
const found = cruise({
  ...LEAVES,
  ...Object.fromEntries(BREACHES.map(([path, text], index) => [numbered(path, index), text])),
  "domain/worse.ts": `import type { B } from "./bad${BREACHES.length - 1}.ts"; export type A = B | 1;`,
});

function numbered(path: string, index: number): string {
  return path.replace("bad", `bad${index}`);
}

test.each(BREACHES.map((breach, index) => [...breach, index] as const))(
  "%s with %s breaks %s",
  (path, _, rule, index) => {
    expect(found).toContain(`${numbered(path, index)}: ${rule}`);
  },
);
