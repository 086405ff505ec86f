// berth as it is given to people: one built file, a process of its own, against the wire over a real PostgreSQL.
import { spawn } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import * as Keystore from "ox/Keystore";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { onlyThese } from "../../agent/processes.ts";
import { idempotency } from "../../drizzle/schema/account.ts";
import { offers, providers } from "../../drizzle/schema/provider.ts";
import { dockerLog, seedWorker } from "../../server/testing/seed-clients.ts";
import { openWire, type Wire } from "../../server/testing/wire.ts";
import { START } from "../../server/testing/world.ts";
import { dispatchBatch } from "../../server/usecases/batch/dispatch-batch.ts";
import { reconcileExecution } from "../../server/usecases/execution/reconcile-execution.ts";
import { buildCli } from "../build.ts";

vi.setConfig({ testTimeout: 300_000 }); // each line is a process of its own, and a busy machine takes seconds to start one
const KEY = generatePrivateKey();
const ACCOUNT = privateKeyToAccount(KEY).address.toLowerCase();
const folder = mkdtempSync(join(tmpdir(), "berth-cli-"));
const bin = join(folder, "bin");
let wire: Wire;
let url: string;
let home: string;

beforeAll(async () => {
  await buildCli(folder);
  mkdirSync(bin); // alone: no node_modules is found from here upwards
  copyFileSync(join(folder, "berth.mjs"), join(bin, "berth"));
  wire = await openWire();
  wire.world.pass(Date.now() - START.getTime()); // logins end by the clock of whoever kept them
  url = `http://127.0.0.1:${wire.port}`;
  for (let n = 0; n < 3; n++) await wire.world.provider({ gpus: 2, perCpuHour: 36_000n });
}, 180_000);
beforeEach(() => {
  home = mkdtempSync(join(folder, "home-"));
});
afterAll(async () => {
  await wire[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

interface Around {
  readonly stdin?: string;
  readonly env?: Record<string, string>;
  /** called with everything of stderr so far */
  readonly onError?: (err: string, interrupt: () => void) => void;
}

function berth(args: readonly string[], { stdin = "", env = {}, onError }: Around = {}): Promise<Ran> {
  const surroundings = onlyThese({ PATH: [bin, process.env.PATH].join(delimiter), HOME: home, BERTH_URL: url, ...env });
  const child = spawn(process.execPath, [join(bin, "berth"), ...args], { env: surroundings, cwd: home });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
    onError?.(err, () => child.kill("SIGINT"));
  });
  child.stdin.on("error", () => {}); // a command that reads none may be gone already
  child.stdin.end(stdin);
  return new Promise((done) => child.once("close", (code) => done({ code, out, err })));
}

async function loggedIn(): Promise<void> {
  expect((await berth(["login", "--key-file", "-"], { stdin: KEY })).code).toBe(0);
}
const config = () => join(home, ".config", "berth", "config.json");
const json = ({ out }: Ran): ReturnType<typeof JSON.parse> => JSON.parse(out);
const BATCH = ["submit", "--name", "hash", "--image", "alpine:3.20"];
/** Processes, which are all that is here, run no image of their own accord: it needs a command. */
const TRUE = ["--", "true"];

describe("logging in", () => {
  test("signs with the wallet, keeps the token for its owner only, and says who and until when", async () => {
    const ran = await berth(["login", "--key-file", "-"], { stdin: `${KEY}\n` });
    expect([ran.code, ran.err]).toEqual([0, ""]);
    expect(ran.out).toMatch(new RegExp(`^Logged in to ${url} as ${ACCOUNT}, until 20\\d\\d-.* UTC\\.\n$`));
    expect(statSync(config()).mode & 0o777).toBe(0o600);
    expect(readFileSync(config(), "utf8")).not.toContain(KEY.slice(2));
    const who = json(await berth(["whoami", "-o", "json"]));
    expect(who).toMatchObject({ broker: url, account: ACCOUNT, by: "session" });
    expect(Date.parse(who.expires_at) - Date.now()).toBeGreaterThan(23 * 3_600_000);
  });

  test("works from a keystore, from the environment, and with an API key", async () => {
    const [key, options] = Keystore.pbkdf2({ password: "open sesame", iterations: 1000 });
    writeFileSync(join(home, "wallet.json"), JSON.stringify(Keystore.encrypt(KEY, key, options)));
    writeFileSync(join(home, "password"), "open sesame\n");
    const opened = await berth(["login", "--keystore", "wallet.json", "--password-file", "password", "-o", "name"]);
    expect([opened.code, opened.out]).toEqual([0, `${ACCOUNT}\n`]);
    writeFileSync(join(home, "password"), "wrong");
    const shut = await berth(["login", "--keystore", "wallet.json", "--password-file", "password"]);
    expect([shut.code, shut.err]).toEqual([255, expect.stringContaining("The keystore does not open.")]);
    expect((await berth(["login"], { env: { BERTH_PRIVATE_KEY: KEY } })).code).toBe(0);

    const { token } = await wire.login(privateKeyToAccount(KEY));
    const made = await wire.ask("/api/v1/api-keys", { token, json: { name: "cli", scopes: ["read", "jobs"] } });
    const byKey = await berth(["login", "--api-key", "-", "-o", "json"], { stdin: `${made.json.key}\n` });
    expect(json(byKey)).toEqual({ broker: url, kind: "api-key", account: ACCOUNT, expires_at: null });
    expect((await berth(["list"], { env: { BERTH_TOKEN: "wrong" } })).code).toBe(255);
  });

  test("signs nothing for a broker that calls itself something else", async () => {
    const other = `http://localhost:${wire.port}`;
    const refused = await berth(["login", "--key-file", "-", "--broker", other], { stdin: KEY });
    expect([refused.code, refused.out]).toEqual([255, ""]);
    expect(refused.err).toContain(`calls itself ${url}: nothing was signed.`);
    expect(existsSync(config())).toBe(false);
  });

  test("ends at the broker and here, and the token goes to no other broker", async () => {
    await loggedIn();
    const elsewhere = await openWire();
    try {
      const stranger = await berth(["billing", "--broker", `http://127.0.0.1:${elsewhere.port}`]);
      expect([stranger.code, stranger.err]).toEqual([255, expect.stringContaining("→ Log in: berth login")]);
    } finally {
      await elsewhere[Symbol.asyncDispose]();
    }
    const { token } = JSON.parse(readFileSync(config(), "utf8")).brokers[url];
    expect((await berth(["logout"])).out).toBe(`Logged out of ${url}.\n`);
    expect((await wire.ask("/api/v1/billing", { token })).status).toBe(401);
    expect((await berth(["whoami"])).code).toBe(255);
  });
});

describe("errors", () => {
  test("go to stderr with what to do, and end with 255, and stdout stays empty", async () => {
    const gone = await berth(["list"], { env: { BERTH_URL: "http://127.0.0.1:1" } });
    expect([gone.code, gone.out]).toEqual([255, ""]);
    expect(gone.err).toContain("Is the broker up");
    const stranger = await berth(["list"]);
    expect([stranger.code, stranger.err]).toEqual([255, expect.stringContaining("Log in: berth login")]);
    expect((await berth(["lits"])).code).toBe(255);
    expect((await berth(["submit"])).code).toBe(255);
    expect((await berth(["list", "-o", "xml"])).code).toBe(255);
    await loggedIn();
    const unknown = await berth(["get", `job_${"0".repeat(26)}`]);
    expect([unknown.code, unknown.err]).toEqual([255, expect.stringContaining("Look at your jobs: berth list")]);
  });

  test("of a reader who leaves early are none", async () => {
    const script = "set -o pipefail; berth --help | head -1";
    const child = spawn("bash", ["-c", `PATH=${bin}:$PATH; chmod +x ${bin}/berth; ${script}`], { env: process.env });
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    const code = await new Promise((done) => child.once("close", done));
    expect([code, out]).toEqual([0, "Usage: berth [options] [command]\n"]);
  });
});

describe("the market", () => {
  test("is shown to anyone, by part of a model's name, and what does not fit is explained", async () => {
    const offers = await berth(["offers", "--gpu", "4090", "--min-gpus", "1"]);
    expect(offers.out).toMatch(/^GPU +FREE +\$\/H .*\nNVIDIA GeForce RTX 4090 +2\/2 +\$0\.389 /);
    const none = await berth(["offers", "--max-price", "0.001"]);
    expect(none.out).toContain("None of");
    expect(none.out).toContain("without max_price");
  });

  test("is rented from, seen by ssh under the broker's own host key, extended and stopped", async () => {
    await loggedIn();
    const identity = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsABgH5C9okWi0dh2l9GKJl me@home";
    writeFileSync(join(home, "id.pub"), identity);
    const wish = ["rent", "--gpu", "4090", "--hours", "2", "--ssh-key", "id.pub"];
    expect((await berth([...wish, "--dry-run"])).out).toContain("Held:");
    const [id] = (await berth([...wish, "--name", "bench", "-o", "name"])).out.trim().split("\n");
    const { job } = await rentalRuns(id);
    const shown = await berth(["get", job.id]);
    expect(shown.out).toContain(`berth ssh ${job.id}`);
    expect((await berth(["wait", job.id])).code).toBe(0);

    const fake = join(home, "fake-ssh");
    mkdirSync(fake);
    const known = "$(printf '%s\\n' \"$@\" | sed -n 's/^UserKnownHostsFile=\"\\(.*\\)\"$/\\1/p')";
    writeFileSync(join(fake, "ssh"), `#!/bin/sh\ncat "${known}"\necho "$@"\nexit 7\n`);
    chmodSync(join(fake, "ssh"), 0o755);
    const path = [fake, bin, process.env.PATH].join(delimiter);
    const ssh = await berth(["ssh", job.id, "-L", "8888:localhost:8888", "hostname"], { env: { PATH: path } });
    expect(ssh.code).toBe(7);
    expect(ssh.out).toContain(`${job.id} ${job.ssh.host_key}\n`);
    expect(ssh.out).toContain("-L 8888:localhost:8888 -- root@127.0.0.1 hostname");

    expect((await berth(["extend", job.id, "--hours", "1", "-o", "json"])).out).toContain('"duration_hours": 3');
    expect((await berth(["stop", job.id])).code).toBe(0);
    expect((await berth(["billing", "--job", job.id])).out).toContain("hold");
  });

  async function rentalRuns(id: string | undefined) {
    await wire.world.settleRings();
    const { token } = JSON.parse(readFileSync(config(), "utf8")).brokers[url];
    const ask = () => wire.ask(`/api/v1/jobs/${id}`, { token });
    for (let n = 0; n < 5 && (await ask()).json.status !== "running"; n++) {
      const { db, deps } = wire.world;
      for (const { id: execution } of await deps.cluster.list()) {
        await reconcileExecution({ ...deps, db }, execution);
      }
    }
    return { job: (await ask()).json };
  }
});

describe("a batch job", () => {
  test("is submitted once for each run and once for each key, found in every list, and cancelled", async () => {
    await loggedIn();
    const estimate = await berth([...BATCH, "--dry-run", ...TRUE]);
    expect(estimate.out).toMatch(/Owners: +3 have machines that fit/);
    const keyed = [...BATCH, "--idempotency-key", "k1", "-o", "name", "--", "sh", "-c", "echo hi"];
    const [one, same, other] = [await berth(keyed), await berth(keyed), await berth([...BATCH, "-o", "name", ...TRUE])];
    expect(one.out).toMatch(/^job_\w{26}\n$/);
    expect(same.out).toBe(one.out);
    expect(other.out).not.toBe(one.out);
    const mismatch = await berth([...BATCH, "--idempotency-key", "k1", "--cpu", "2", ...TRUE]);
    expect([mismatch.code, mismatch.err]).toEqual([255, expect.stringContaining("idempotency")]);
    const id = one.out.trim();
    const listed = await berth(["list", "--kind", "batch", "-o", "json"]);
    const ids = json(listed).jobs.map((job: { id: string }) => job.id);
    expect(ids.sort()).toEqual([other.out.trim(), id].sort()); // the clock stands still: neither is the newer
    const table = await berth(["list"]);
    const titles = ["ID", "NAME", "KIND", "STATUS", "WHERE", "AGE", "COST"];
    expect(table.out.split("\n")[0]?.split(/ +/)).toEqual(titles);
    expect(json(await berth(["get", id, "-o", "json"]))).toMatchObject({ id, command: ["sh", "-c", "echo hi"] });
    expect((await berth(["result", id])).err).toContain("It is still pending.");
    expect((await berth(["wait", id, "--timeout", "1"])).code).toBe(255);
    expect((await berth(["cancel", id, other.out.trim()])).code).toBe(0);
    expect((await berth(["wait", id])).code).toBe(1);
    expect((await berth(["result", id])).code).toBe(1);
  });

  test("of a file is checked in whole before anything is sent", async () => {
    await loggedIn();
    const good = "kind: batch\nname: a\ndocker_image: alpine\ncommand: ['true']\n";
    const before = (await wire.world.db.select().from(idempotency)).length;
    const bad = await berth(["apply", "-f", "-"], { stdin: `${good}---\nkind: batch\nname: b\ndocker_image: "?"\n` });
    expect([bad.code, bad.err]).toEqual([255, expect.stringContaining("standard input:8: docker_image: ")]);
    const unfit = await berth(["apply", "-f", "-"], { stdin: `${good}---\n${good}consensus: 4\n` });
    expect([unfit.code, unfit.err]).toEqual([255, expect.stringContaining("standard input:10: consensus: is at most")]);
    const typed = await berth([...BATCH, "--cpu", "0", "--consensus", "4", ...TRUE]);
    expect([typed.code, typed.err]).toEqual([255, expect.stringContaining("--cpu: at least 1")]);
    expect(typed.err).not.toContain("required_cpu");
    expect((await wire.world.db.select().from(idempotency)).length).toBe(before);
    writeFileSync(join(home, "job.yaml"), `${good}---\n${good}`);
    const made = await berth(["apply", "-f", "job.yaml", "-o", "name"]);
    const ids = made.out.trim().split("\n");
    expect(ids).toHaveLength(2);
    expect((await berth(["stop", ...ids])).code).toBe(0);
  });

  test("that is waited for says how to go on when it is interrupted, and is not stopped by that", async () => {
    await loggedIn();
    const id = (await berth([...BATCH, "-o", "name", ...TRUE])).out.trim();
    let interrupted = false;
    const ran = await berth(["wait", id], {
      onError: (err, interrupt) => {
        if (!interrupted && err.includes("pending")) interrupt();
        interrupted ||= err.includes("pending");
      },
    });
    expect([ran.code, ran.err]).toEqual([130, expect.stringContaining(`Go on waiting: berth wait ${id}`)]);
    expect(json(await berth(["get", id, "-o", "json"])).status).toBe("pending");
    expect((await berth(["stop", id])).code).toBe(0);
  });

  test("is waited for to its verdict: 0 and the result where it is accepted, 1 and why where it failed", async () => {
    await loggedIn();
    // Nobody runs those: only workers are drawn.
    await wire.world.db.update(providers).set({ drain: "draining" });
    await wire.world.db.update(offers).set({ drain: "draining", available: false });
    const workers = await fleet();
    const wait = [...BATCH, "--redundancy", "2", "--wait", "-o", "name", "--", "echo"];
    const good = await whileWorking(workers, { log: dockerLog("hello") }, () => berth([...wait, "hello"]));
    expect([good.code, good.err]).toEqual([0, expect.stringContaining("completed")]);
    const id = good.out.trim();
    expect((await berth(["result", id])).out).toBe("hello");
    const shown = await berth(["get", id]);
    expect(shown.out).toMatch(/Verdict: +\S/);
    expect(shown.out).toMatch(/\n #|\n# .*PROVIDER +STATUS/);
    expect(shown.out.match(/ agreed /g)).toHaveLength(2);
    expect(shown.out).not.toContain("\u001b");
    expect((await berth(["executions", id, "-o", "name"])).out.match(/exec_/g)).toHaveLength(2);
    expect((await berth(["result", id, "--output-dir", "out"])).code).toBe(0);
    expect(readFileSync(join(home, "out", "stdout"), "utf8")).toBe("hello");
    expect((await berth(["nodes"])).out).toContain("worker-1");
    expect((await berth(["nodes", "worker-1"])).out).toContain("Evidence:");
    expect((await berth(["stats"])).out).toMatch(/Jobs: +\d+ running, 1 completed/);

    const bad = await whileWorking(workers, { log: dockerLog("boom"), exitCode: 3 }, () => berth([...wait, "false"]));
    expect(bad.code).toBe(1);
    expect(bad.err).toMatch(/job_\w+: The command failed alike/);
    const failed = (await berth(["list", "--status", "failed", "-o", "name"])).out.trim();
    expect((await berth(["logs", failed])).out).toContain("boom");
  });

  async function fleet() {
    const workers = [];
    for (const n of [1, 2, 3]) {
      const { token } = await wire.login();
      const { key } = (await wire.ask("/api/v1/api-keys", { token, json: { name: "node", scopes: ["providers"] } }))
        .json;
      const worker = seedWorker(wire.ask, `worker-${n}`, { credentials: `node:${key}` });
      expect((await worker.register()).status).toBe(201);
      workers.push(worker);
    }
    return workers;
  }

  async function whileWorking(
    workers: Awaited<ReturnType<typeof fleet>>,
    run: Parameters<(typeof workers)[number]["deliver"]>[1],
    doing: () => Promise<Ran>,
  ): Promise<Ran> {
    const ran = doing();
    let over = false;
    void ran.then(() => {
      over = true;
    });
    let round: Promise<unknown> = ran;
    while (!over) {
      await dispatchBatch(wire.deps);
      round = Promise.all(
        workers.map(async (worker) => {
          for (const given of await worker.poll()) await worker.deliver(given, run);
        }),
      );
      await Promise.race([ran, round]);
    }
    await round; // the broker holds an empty poll for seconds: one left behind would deliver this run for the next job
    return ran;
  }
});
