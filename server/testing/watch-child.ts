// A worker that only waits to watch; it says so when it does. Argument: the database's URL.
import { fenced } from "../adapters/cluster/kubernetes/watch-fence.ts";

const [databaseUrl = ""] = process.argv.slice(2);
const log = { info: () => {}, warn: () => {}, error: () => {} };
const stop = new AbortController();
process.on("SIGTERM", () => stop.abort());
await fenced(
  { databaseUrl, log, tryEveryMs: 500 },
  (signal) =>
    new Promise((resolve) => {
      process.stdout.write("watches\n");
      signal.addEventListener("abort", () => {
        process.stdout.write("stops\n");
        resolve();
      });
    }),
  stop.signal,
);
