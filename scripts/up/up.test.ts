import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { privateKeyToAddress } from "viem/accounts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DEMO_ANONYMOUS_ACCOUNT, DEMO_WALLET_KEY } from "../../domain/demo.ts";
import { freePort } from "../embedded-postgres.ts";
import { isAlive } from "../processes.ts";
import type { UpOptions } from "./options.ts";
import { type Berth, up } from "./up.ts";

const VIEM = fileURLToPath(new URL("../../node_modules/viem/_esm/index.js", import.meta.url));

/** Every stand-in writes its comings and goings here, one line each. */
const DIARY = `
  import { appendFileSync, readFileSync } from "node:fs";
  const diary = new URL("../diary", import.meta.url);
  export const countOf = (line) => readFileSync(diary, "utf8").split("\\n").filter((found) => found === line).length;
  export const note = (line) => appendFileSync(diary, line + "\\n");
  export const leaves = (name) => {
    note(name + " came " + process.pid);
    process.on("SIGTERM", () => { note(name + " left"); process.exit(0); });
  };
`;

/** The web's part of the trips that `up` makes, with real signatures. */
const WEB = `
  import { createServer } from "node:http";
  import { recoverTypedDataAddress } from ${JSON.stringify(VIEM)};
  import { countOf, leaves, note } from "./diary.mjs";
  leaves("web");
  const onlineBefore = countOf("agent online");
  note("web " + JSON.stringify(process.env));
  const typed_data = {
    domain: { name: "Berth", version: "1" },
    types: { EIP712Domain: [{ name: "name", type: "string" }], Login: [{ name: "account", type: "address" }, { name: "issuedAt", type: "uint256" }] },
    primaryType: "Login",
  };
  let tokens = 0;
  createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    const body = text && JSON.parse(text);
    const ofAccount = (account) => ({ ...typed_data, message: { account, issuedAt: "1700000000" } });
    const answer = (status, value) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    if (request.url === "/ready") return answer(200, {});
    if (request.url === "/crash") process.exit(7);
    if (request.url.startsWith("/api/v1/providers?")) {
      const wanted = request.url.endsWith("status=" + (process.env.PROVIDER_ADMISSION === "manual" ? "pending" : "available"));
      const count = wanted ? countOf("agent online") - onlineBefore : 0;
      const sandboxed = process.env.PLATFORM_FEE_BPS !== "501"; // the test's word for a machine without bubblewrap
      return answer(200, { count, providers: Array.from({ length: count }, () => ({ sandboxed })) });
    }
    if (request.url === "/api/v1/auth/nonce") return answer(200, { nonce: "n", typed_data: ofAccount(body.address) });
    if (request.url === "/api/v1/auth/login") {
      const signer = await recoverTypedDataAddress({ ...ofAccount(body.address), signature: body.signature });
      if (signer !== body.address) return answer(401, {});
      return answer(200, { token: "session-of-" + signer });
    }
    if (request.url === "/api/v1/providers/enrolment-tokens") {
      note("token for " + request.headers.authorization);
      return answer(201, { token: "token-" + ++tokens });
    }
    answer(404, {});
  }).listen(process.env.PORT, process.env.HOST);
`;

const AGENT = `
  import { mkdirSync, writeFileSync } from "node:fs";
  import { leaves, note } from "./diary.mjs";
  leaves("agent");
  note("agent-environment " + JSON.stringify(process.env));
  note("agent-arguments " + process.argv.slice(2).join(" "));
  const home = process.argv[process.argv.indexOf("--data-dir") + 1];
  mkdirSync(home, { recursive: true });
  writeFileSync(home + "/provider.json", "{}");
  note("agent online");
  setInterval(() => {}, 1000);
`;

const WORKER = `import { leaves, note } from "./diary.mjs"; leaves("worker");
  note("worker-environment " + JSON.stringify(process.env)); setInterval(() => {}, 1000);`;

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 }); // up to three whole starts each, and a busy machine takes its time
let root: string;
let said: string[];
const running: Berth[] = [];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "berth-up-"));
  said = [];
  mkdirSync(join(root, "dist"));
  for (const [name, text] of Object.entries({ diary: DIARY, web: WEB, worker: WORKER, agent: AGENT })) {
    writeFileSync(join(root, "dist", `${name}.mjs`), text);
  }
  appendFileSync(join(root, "diary"), "");
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((berth) => berth.stop()));
  rmSync(root, { recursive: true, force: true });
});

const diary = () => readFileSync(join(root, "diary"), "utf8").trim().split("\n");
const noted = (start: string) => diary().filter((line) => line.startsWith(start));
const pids = () =>
  noted("")
    .flatMap((line) => line.match(/ came (\d+)$/)?.[1] ?? [])
    .map(Number);

async function start(
  options: Partial<UpOptions> = {},
  leaving = new AbortController().signal,
  env: Record<string, string> = {},
): Promise<Berth> {
  const port = { number: await freePort(), from: "--port" } as const;
  const workers = () => noted("worker-environment ").length;
  const before = workers();
  const berth = await up(
    { port, dataDir: "data", reset: false, demo: false, ...options },
    {
      root,
      env: {
        ...{ NODE_ENV: "test", PATH: process.env.PATH, HOME: root, SECRET_OF_PARENT: "1", PLATFORM_FEE_BPS: "500" },
        ...env,
      },
      build: async () => ({ built: [], unchanged: [], absent: [], failed: [] }),
      tell: (sentence) => said.push(sentence),
      leaving,
      forced: new AbortController().signal,
    },
  );
  running.push(berth);
  // Berth is up once the web answers and the providers are there; the worker may still be starting.
  await vi.waitFor(() => expect(workers()).toBeGreaterThan(before), { timeout: 60_000 });
  return berth;
}

test("stopping ends agents first, then the worker, then the web, and leaves no process", async () => {
  const berth = await start({ demo: true });
  expect(pids()).toHaveLength(7);
  await berth.stop();
  expect(diary().filter((line) => line.endsWith(" left"))).toEqual([
    ...Array(5).fill("agent left"),
    "worker left",
    "web left",
  ]);
  expect(pids().filter(isAlive)).toEqual([]);
});

test("each demo provider enrols with a wallet of its own, and only once", async () => {
  await (await start({ demo: true })).stop();
  const owners = noted("token for ");
  expect(new Set(owners).size).toBe(5);
  expect(noted("agent-arguments").every((line) => line.includes(" --token token-"))).toBe(true);
  await (await start({ demo: true })).stop();
  expect(noted("token for ")).toEqual(owners);
  expect(noted("agent-arguments").filter((line) => line.includes("--token"))).toHaveLength(5);
});

test("a machine without a sandbox is told what that means and how to get one", async () => {
  await (await start({ demo: true })).stop();
  expect(said.join(" ")).not.toContain("bubblewrap");
  await start({ demo: true }, undefined, { PLATFORM_FEE_BPS: "501" });
  expect(said.join(" ")).toContain("apt install bubblewrap");
});

test("an agent sees nothing of the control plane's environment", async () => {
  await start({ demo: true });
  const [environment = ""] = noted("agent-environment");
  for (const name of ["SECRET_OF_PARENT", "DATABASE_URL", "BERTH_SECRET_KEY", "NEXTAUTH_SECRET"]) {
    expect(environment).not.toContain(name);
    if (name !== "SECRET_OF_PARENT") expect(noted("web {")[0]).toContain(name);
  }
  expect(noted("web {")[0]).toContain('"PLATFORM_FEE_BPS":"500"');
});

const webEnvironment = () => JSON.parse(noted("web {").at(-1)?.slice(4) ?? "{}");

test("in a demo the wallet that everybody has operates it, unless somebody else was named; an empty line names nobody", async () => {
  const demoWallet = privateKeyToAddress(DEMO_WALLET_KEY);
  await (await start({ demo: true })).stop();
  expect(webEnvironment().OPERATOR_ADDRESSES).toBe(demoWallet);
  const emptied = { OPERATOR_ADDRESSES: "", ANONYMOUS_ACCOUNT: "", HOST: "" };
  await (await start({ demo: true }, undefined, emptied)).stop();
  expect(webEnvironment()).toMatchObject({ OPERATOR_ADDRESSES: demoWallet, ANONYMOUS_ACCOUNT: DEMO_ANONYMOUS_ACCOUNT });
  const mine = "0x00000000000000000000000000000000000000ff";
  await (await start({ demo: true }, undefined, { OPERATOR_ADDRESSES: mine })).stop();
  expect(webEnvironment().OPERATOR_ADDRESSES).toBe(mine);
});

test("without the demo, nobody operates unless named", async () => {
  await start();
  expect(webEnvironment().OPERATOR_ADDRESSES).toBeUndefined();
});

test("Redis and Kubernetes of the environment reach the web and the worker, and no agent", async () => {
  const given = { REDIS_URL: "redis://127.0.0.1:1", KUBECONFIG: "/nowhere/config", LABEL_PREFIX: "quay.example" };
  await start({ demo: true }, undefined, given);
  expect(webEnvironment()).toMatchObject(given);
  expect(JSON.parse(noted("worker-environment ").at(-1)?.slice(19) ?? "{}")).toMatchObject(given);
  for (const name of Object.keys(given)) expect(noted("agent-environment").join(" ")).not.toContain(name);
});

test("where an operator admits by hand, the five wait for approval, and it is said where", async () => {
  const { url } = await start({ demo: true }, undefined, { PROVIDER_ADMISSION: "manual" });
  expect(said.at(-1)).toContain("5 of the demo's providers wait for approval");
  expect(said.at(-1)).toContain(`${url}/operator/providers`);
});

test("the data, the passwords and the key survive a restart, and only their owner can read them", async () => {
  const write = async (query: string) => {
    const { DATABASE_URL } = JSON.parse(noted("web {").at(-1)?.slice(4) ?? "{}");
    const sql = postgres(DATABASE_URL, { max: 1 });
    return sql.unsafe(query).finally(() => sql.end());
  };
  const first = await start();
  await write("create table kept as select 7 as n");
  await first.stop();
  const secrets = readFileSync(join(root, "data", "secrets.json"), "utf8");
  expect(statSync(join(root, "data", "secrets.json")).mode & 0o777).toBe(0o600);
  const second = await start();
  expect(await write("select n from kept")).toEqual([{ n: 7 }]);
  expect(readFileSync(join(root, "data", "secrets.json"), "utf8")).toBe(secrets);
  await second.stop();
  await start({ reset: true });
  await expect(write("select n from kept")).rejects.toThrow("does not exist");
});

test("a web that crashes is reported and serves again at the same address", async () => {
  const berth = await start();
  await fetch(`${berth.url}/crash`).catch(() => {});
  await vi.waitFor(async () => expect((await fetch(`${berth.url}/ready`)).ok).toBe(true), { timeout: 60_000 });
  expect(said.join("\n")).toContain("web ended with code 7");
});

test("a PostgreSQL that is killed is reported and answers again", async () => {
  await start();
  const { DATABASE_URL } = JSON.parse(noted("web {").at(-1)?.slice(4) ?? "{}");
  const pid = Number.parseInt(readFileSync(join(root, "data", "postgres", "postmaster.pid"), "utf8"), 10);
  process.kill(pid, "SIGKILL");
  await vi.waitFor(
    async () => {
      const sql = postgres(DATABASE_URL, { max: 1, connect_timeout: 2 });
      await sql`select 1`.finally(() => sql.end());
    },
    { timeout: 120_000, interval: 250 },
  );
  expect(said.join("\n")).toContain("postgres was ended by SIGKILL");
});

test("leaving before Berth is up ends what was started", async () => {
  const leaving = new AbortController();
  const starting = start({}, leaving.signal);
  await vi.waitFor(() => expect(said.join()).toContain("Starting PostgreSQL"), { timeout: 120_000 });
  leaving.abort();
  await expect(starting).rejects.toThrow();
  expect(pids().filter(isAlive)).toEqual([]);
});

test("a port that is taken is refused by its number and by who asked for it", async () => {
  const berth = await start();
  const port = { number: Number(new URL(berth.url).port), from: "PROXY_PORT" } as const;
  await expect(start({ port, dataDir: "other" })).rejects.toThrow(`Port ${port.number} (PROXY_PORT) is taken`);
});

test("--reset leaves a folder alone that holds what is not Berth's", async () => {
  mkdirSync(join(root, "home"));
  writeFileSync(join(root, "home", "letters.txt"), "dear");
  await expect(start({ dataDir: "home", reset: true })).rejects.toThrow("letters.txt");
  expect(readFileSync(join(root, "home", "letters.txt"), "utf8")).toBe("dear");
});
