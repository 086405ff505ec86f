// Builds what runs: Next's pages, and web, worker, migrate, agent and berth as one file each in dist/. The agent's and
// berth's run on a bare Node; beside the agent lies its `process` runtime, which needs this repository's node_modules.
// Each part remembers a hash of its sources, so that building what did not change costs nothing.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { type BuildOptions, build, type Plugin } from "esbuild";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DIST = join(ROOT, "dist");

interface Part {
  readonly name: string;
  /** Without this file the part does not exist. */
  readonly entry: string;
  /** Files and folders whose content decides whether to build again. */
  readonly sources: readonly string[];
  /** What a finished build leaves; any of it missing means build again. */
  readonly outputs: readonly string[];
  build(signal?: AbortSignal): Promise<void>;
}

const COMMON = ["package-lock.json", "tsconfig.json", "scripts/build.ts", "domain", "protocol"];
const CONTROL_PLANE = [...COMMON, "server", "drizzle"];

const PARTS: readonly Part[] = [
  bundle("web", "web/main.ts", [...CONTROL_PLANE, "web", "components"]),
  bundle("worker", "worker/main.ts", [...CONTROL_PLANE, "worker"]),
  bundle("migrate", "scripts/migrate.ts", [...CONTROL_PLANE, "scripts/migrate.ts"]),
  agent(),
  cli(),
  {
    name: "pages",
    entry: "app/layout.tsx",
    sources: [...CONTROL_PLANE, "app", "components", "public", "next.config.ts", "postcss.config.mjs"],
    outputs: [join(ROOT, ".next/BUILD_ID")],
    build: async (signal) => {
      const next = join(ROOT, "node_modules/next/dist/bin/next");
      await rm(join(ROOT, ".next/BUILD_ID"), { force: true });
      await run(process.execPath, [next, "build"], {
        cwd: ROOT,
        env: { ...process.env, NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1" },
        maxBuffer: 64 * 1024 * 1024,
        ...(signal ? { signal } : {}),
      });
    },
  },
];

/** What every part is built with. */
const NODE: BuildOptions = {
  absWorkingDir: ROOT,
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  sourcemap: true,
  logLevel: "silent",
};

function bundle(name: string, entry: string, sources: readonly string[]): Part {
  const output = join(DIST, `${name}.mjs`);
  return {
    name,
    entry,
    sources,
    outputs: [output],
    build: async () => {
      await build({ ...NODE, entryPoints: [entry], outfile: output, packages: "external" });
    },
  };
}

/** What bundled CommonJS packages expect to find around them. */
const COMMONJS = `#!/usr/bin/env node
import { createRequire as berthRequire } from "node:module";
const require = berthRequire(import.meta.url);
const __dirname = import.meta.dirname ?? new URL(".", import.meta.url).pathname;`;

/** The runtime is loaded when it is wanted, from the file beside the agent. */
const PROCESS_RUNTIME: Plugin = {
  name: "process-runtime",
  setup({ onResolve }) {
    onResolve({ filter: /\/process\/entry\.ts$/ }, () => ({ path: "./agent-process.mjs", external: true }));
  },
};

/** What dockerode brings for engines on other machines and for building images: the agent does neither. */
const NO_REMOTE_DOCKER: Plugin = {
  name: "no-remote-docker",
  setup({ onResolve, onLoad }) {
    const unused = /^(ssh2|@grpc\/.*|protobufjs|tar-fs|@balena\/dockerignore)$/;
    onResolve({ filter: unused }, ({ path }) => ({ path, namespace: "unused" }));
    onLoad({ filter: /.*/, namespace: "unused" }, () => ({ contents: "module.exports = {};", loader: "js" }));
  },
};

function agent(): Part {
  return {
    name: "agent",
    entry: "agent/main.ts",
    sources: [...COMMON, "agent"],
    outputs: ["agent.mjs", "agent-process.mjs"].map((name) => join(DIST, name)),
    build: () => buildAgent(DIST),
  };
}

/** Writes agent.mjs, which needs nothing but Node, and agent-process.mjs, which needs node_modules, into a directory. */
export async function buildAgent(into: string): Promise<void> {
  const alone: BuildOptions = {
    ...NODE,
    banner: { js: COMMONJS },
    plugins: [PROCESS_RUNTIME, NO_REMOTE_DOCKER],
    minifySyntax: true,
  };
  await build({ ...alone, entryPoints: ["agent/main.ts"], outfile: join(into, "agent.mjs") });
  const entryPoints = ["agent/runtimes/process/entry.ts"];
  await build({ ...NODE, entryPoints, outfile: join(into, "agent-process.mjs"), packages: "external" });
}

function cli(): Part {
  return {
    name: "cli",
    entry: "cli/main.ts",
    sources: [...COMMON, "package.json", "cli"],
    outputs: [join(DIST, "berth.mjs")],
    build: () => buildCli(DIST),
  };
}

/** Writes berth.mjs, which needs nothing but Node, into a directory. */
export async function buildCli(into: string): Promise<void> {
  const outfile = join(into, "berth.mjs");
  await build({ ...NODE, banner: { js: COMMONJS }, minifySyntax: true, entryPoints: ["cli/main.ts"], outfile });
  await chmod(outfile, 0o755);
}

export interface BuildReport {
  readonly built: readonly string[];
  readonly unchanged: readonly string[];
  /** Parts whose sources are not there. */
  readonly absent: readonly string[];
  readonly failed: readonly { readonly name: string; readonly cause: unknown }[];
}

/**
 * Builds every part whose sources changed since it was last built. A part that fails does not stop the others.
 * @param tell called with a sentence before each part that is really built
 */
export async function buildChanged(tell: (sentence: string) => void, signal?: AbortSignal): Promise<BuildReport> {
  await mkdir(DIST, { recursive: true });
  const built: string[] = [];
  const unchanged: string[] = [];
  const absent: string[] = [];
  const failed: { name: string; cause: unknown }[] = [];
  for (const part of PARTS) {
    signal?.throwIfAborted();
    if (!existsSync(join(ROOT, part.entry))) {
      absent.push(part.name);
      continue;
    }
    const stamp = join(DIST, `.${part.name}.sources`);
    const hash = await hashOf(part.sources);
    if (part.outputs.every(existsSync) && (await readFile(stamp, "utf8").catch(() => "")) === hash) {
      unchanged.push(part.name);
      continue;
    }
    tell(`Building ${part.name}`);
    try {
      await rm(stamp, { force: true });
      await part.build(signal);
      await writeFile(stamp, hash);
      built.push(part.name);
    } catch (cause) {
      failed.push({ name: part.name, cause });
    }
  }
  return { built, unchanged, absent, failed };
}

/** A failed part's own words. */
export function reasonOf(cause: unknown): string {
  const output = cause instanceof Error && "stdout" in cause ? String(cause.stdout) : "";
  const errors = cause instanceof Error && "stderr" in cause ? String(cause.stderr) : "";
  const message = cause instanceof Error ? cause.message : String(cause);
  return [message, output, errors].filter(Boolean).join("\n");
}

async function hashOf(sources: readonly string[]): Promise<string> {
  const hash = createHash("sha256").update(process.version);
  for (const source of sources) {
    for (const path of await filesUnder(join(ROOT, source))) {
      hash
        .update(`\0${relative(ROOT, path).split(sep).join("/")}\0`)
        .update(await readFile(path).catch(() => Buffer.of()));
    }
  }
  return hash.digest("hex");
}

/** Files and folders in a stable order, tests left out: they are in no build. A folder counts by its name. */
async function filesUnder(path: string): Promise<string[]> {
  const names = await readdir(path, { recursive: true }).catch(() => undefined);
  if (!names) return existsSync(path) ? [path] : [];
  return names
    .filter((name) => !/\.test\.tsx?$/.test(name))
    .map((name) => join(path, name))
    .sort();
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const report = await buildChanged((sentence) => process.stderr.write(`${sentence}\n`));
  for (const { name, cause } of report.failed) process.stderr.write(`${name} does not build: ${reasonOf(cause)}\n`);
  for (const name of report.absent) process.stderr.write(`There is no ${name} yet.\n`);
  process.exitCode = report.failed.length === 0 ? 0 : 1;
}
