// A worker process that consumes the streams until it is killed. Arguments: database URL, Redis URL. It says when it began.
import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import { systemIds } from "../../server/adapters/system/ids.ts";
import { secretBox } from "../../server/adapters/system/secret-box.ts";
import type { Deps } from "../../server/deps.ts";
import {
  ALL_ANSWER,
  NO_CHECKS,
  NOTHING_INSIDE,
  TEST_SECRET_KEY,
  TEST_SETTINGS,
} from "../../server/testing/settings.ts";
import { startStreams } from "../streams.ts";
import { someCluster } from "./machines.ts";
import { QUICK } from "./timing.ts";

const [databaseUrl = "", redisUrl = ""] = process.argv.slice(2);
const say = (fields: Record<string, unknown>, message: string) =>
  void process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
const clock = { now: () => new Date() };
const deps: Deps = {
  db: drizzle(postgres(databaseUrl, { max: 4, onnotice: () => {} })),
  clock,
  ids: systemIds(clock),
  random: NO_CHECKS,
  cluster: {
    apply: async () => {},
    observe: async () => ({ state: "absent" }),
    remove: async () => {},
    list: async () => [],
  },
  nodes: someCluster,
  pods: null,
  batchPods: null,
  inside: NOTHING_INSIDE,
  answers: ALL_ANSWER,
  ssh: { parsePublicKey: unasked, newHostKey: unasked },
  queue: { ring: async () => {} },
  secrets: secretBox(TEST_SECRET_KEY),
  wallets: { signed: async () => false },
  wakes: { wait: async () => {}, subscribe: () => () => {} },
  log: { info: () => {}, warn: say, error: say },
  settings: TEST_SETTINGS,
};
process.stdout.write("began\n");
startStreams(deps, { redisUrl, name: `child-${process.pid}`, timing: QUICK });

function unasked(): never {
  throw new Error("the streams know no SSH keys");
}
