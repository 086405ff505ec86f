// Six kinds of tests: pure ones, the agent's with real sandboxes and containers, the repository's own scripts, everything
// that stands on a real PostgreSQL, what needs a real Kubernetes as well, and whole stacks of built processes that are
// killed. What waits for programs other than ours gets one second try, and `npm test` names what needed it.
import { defineConfig } from "vitest/config";

const TESTS = "**/*.test.{ts,tsx}";
const FAULTS = `scripts/faults/${TESTS}`;
/** What stands on a real PostgreSQL and on an agent of our own as well. */
const CONTRACT = `scripts/contract/${TESTS}`;
/** What shares the one node of a real Kubernetes: two cores, so one file at a time. */
const KUBERNETES = [
  `server/adapters/cluster/kubernetes/${TESTS}`,
  "server/usecases/execution/pods*.test.ts",
  "server/usecases/batch/pods*.test.ts",
  "server/usecases/node/nodes.test.ts",
  "worker/watchers.test.ts",
  `deploy/${TESTS}`,
];

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    restoreMocks: true,
    unstubEnvs: true,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["domain", "protocol", "components", "app", "cli"].map((folder) => `${folder}/${TESTS}`),
          testTimeout: 15_000,
          hookTimeout: 15_000,
        },
      },
      {
        extends: true,
        test: {
          name: "agent",
          include: [`agent/${TESTS}`],
          retry: 1,
          testTimeout: 15_000,
          hookTimeout: 15_000,
        },
      },
      {
        extends: true,
        test: {
          name: "scripts",
          include: [`scripts/${TESTS}`],
          exclude: [FAULTS, CONTRACT, "node_modules/**"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: [...["server", "web", "worker", "drizzle"].map((folder) => `${folder}/${TESTS}`), CONTRACT],
          exclude: [...KUBERNETES, "node_modules/**"],
          globalSetup: ["./server/testing/global-setup.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "kubernetes",
          include: KUBERNETES,
          globalSetup: ["./server/testing/global-setup.ts"],
          fileParallelism: false,
          retry: 1,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          name: "faults",
          include: [FAULTS],
          globalSetup: ["./scripts/faults/build.ts"],
          fileParallelism: false, // a stack is four busy processes
          retry: 1,
          testTimeout: 180_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
