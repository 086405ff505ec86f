// A demo as people run it, and one of its agents falls silent: seen on the market, paid for once, and back at once.
//
// `up` starts a killed agent again within a second, so a kill alone is no silence; a frozen process is: it keeps its
// connection open and says nothing, which is also the nastier of the two.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { privateKeyToAccount } from "viem/accounts";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DEMO_WALLET_KEY } from "../../domain/demo.ts";
import { OFFLINE_AFTER_MS, REPUTATION_OFFLINE, REPUTATION_START } from "../../domain/provider/state.ts";
import { type BerthClient, berthClient } from "../../protocol/client.ts";
import type { ProviderView } from "../../protocol/provider-views.ts";
import { buildChanged } from "../build.ts";
import { freePort } from "../embedded-postgres.ts";
import { signTypedData } from "../up/demo-providers.ts";
import { type Berth, up } from "../up/up.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const NAME = "dogger-02";
/** Beats come at least every half minute; a busy machine may be late with everything that follows from one. */
const SOON_MS = 90_000;
/** Stamps and sweeps come every five seconds each; the rest is for a busy machine. */
const SWEPT_WITHIN_MS = 60_000;
/** Several sweeps. */
const SWEEPS_MS = 20_000;

let folder: string;
let berth: Berth;
let operator: BerthClient;
let id: string;
let said: string[];

// Before each try: what a silence costs once is not what it costs twice.
beforeEach(async () => {
  said = [];
  folder = await mkdtemp(join(tmpdir(), "berth-agent-silent-"));
  const { PATH, HOME } = process.env;
  berth = await up(
    { port: { number: await freePort(), from: "--port" }, dataDir: folder, reset: false, demo: true },
    {
      root: ROOT,
      env: { NODE_ENV: "production", PATH, HOME },
      build: buildChanged,
      tell: (sentence) => said.push(sentence),
      leaving: new AbortController().signal,
      forced: new AbortController().signal,
    },
  );
  operator = await logIn(berth.url);
  const { providers } = await operator.listProviders();
  id = providers.find(({ name }) => name === NAME)?.id ?? "";
}, 300_000);
afterEach(async () => {
  await berth?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

/** The wallet that operates a demo. */
async function logIn(baseUrl: string): Promise<BerthClient> {
  const stranger = berthClient({ baseUrl });
  const { address } = privateKeyToAccount(DEMO_WALLET_KEY);
  const { nonce, typed_data } = await stranger.createNonce({ body: { address } });
  const signature = await signTypedData(DEMO_WALLET_KEY, typed_data);
  const { token } = await stranger.login({ body: { address, nonce, signature } });
  return berthClient({ baseUrl, token });
}

async function agentPid(): Promise<number> {
  const [pid] = (await readFile(join(folder, "run", `agent-${NAME}`), "utf8")).split(" ");
  return Number(pid);
}

async function within(ms: number, what: string, holds: (now: ProviderView) => boolean): Promise<ProviderView> {
  const deadline = Date.now() + ms;
  for (;;) {
    const now = await operator.getProvider({ params: { id } });
    if (holds(now)) return now;
    if (Date.now() > deadline) throw new Error(`not ${what} within ${ms} ms, but ${now.status}; ${said.join(" | ")}`);
    await sleep(250);
  }
}

/** What the market page shows of the machine. */
async function onTheMarket(): Promise<string> {
  const html = await (await fetch(berth.url)).text();
  const rows = html.split("<tr").filter((row) => row.includes(NAME));
  return rows.join("\n").replace(/<[^>]*>/g, " ");
}

async function incidents(): Promise<string[]> {
  const { events } = await operator.listIncidents({ query: { provider_id: id, limit: "100" } });
  return events.map(({ code }) => code);
}

test("an agent that falls silent is offline on the market after two minutes, pays once, and is back with its next beat", async () => {
  expect(await onTheMarket()).not.toContain("offline");
  const pid = await agentPid();
  process.kill(pid, "SIGSTOP");
  try {
    const gone = await within(OFFLINE_AFTER_MS + SWEPT_WITHIN_MS, "offline", ({ status }) => status === "offline");
    const [edge] = (await operator.listIncidents({ query: { provider_id: id } })).events;
    const silentMs = Date.parse(edge?.at ?? "") - Date.parse(gone.last_seen_at ?? "");
    expect(silentMs).toBeGreaterThanOrEqual(OFFLINE_AFTER_MS);
    expect(silentMs).toBeLessThan(OFFLINE_AFTER_MS + SWEPT_WITHIN_MS);
    expect(edge?.data).toMatchObject({ since: gone.last_seen_at, reputation_delta: REPUTATION_OFFLINE });
    expect(await onTheMarket()).toContain("offline");

    await sleep(SWEEPS_MS);
    expect(await incidents()).toEqual(["provider-offline"]);
    expect((await operator.getProvider({ params: { id } })).reputation).toBe(REPUTATION_START + REPUTATION_OFFLINE);
  } finally {
    process.kill(pid, "SIGCONT");
  }

  const back = await within(SOON_MS, "back", ({ status }) => status === "available");
  expect(back.reputation).toBe(REPUTATION_START + REPUTATION_OFFLINE);
  expect(await onTheMarket()).not.toContain("offline");
  const { events } = await operator.listReputation({ params: { id } });
  expect(events.filter(({ delta }) => delta < 0)).toHaveLength(1);
  const { providers } = await operator.listProviders();
  expect(providers.filter(({ name }) => name !== NAME).map(({ reputation }) => reputation)).toEqual(
    Array(4).fill(REPUTATION_START),
  );
}, 400_000);

test("an agent that is killed is started again with its identity: nobody else, nothing lost, nothing to pay", async () => {
  const before = await operator.getProvider({ params: { id } });
  const incidentsBefore = await incidents();
  const pid = await agentPid();
  process.kill(pid, "SIGKILL");
  const deadline = Date.now() + SOON_MS;
  while ((await agentPid().catch(() => pid)) === pid) {
    if (Date.now() > deadline) throw new Error("the agent was not started again");
    await sleep(100);
  }
  const { last_seen_at: seen } = await operator.getProvider({ params: { id } });
  await within(SOON_MS, "heard again", (now) => Date.parse(now.last_seen_at ?? "") > Date.parse(seen ?? ""));
  expect(said.join("\n")).toContain(`agent-${NAME} was ended by SIGKILL`);
  const after = await within(SOON_MS, "available", ({ status }) => status === "available");
  expect(after.reputation).toBe(before.reputation);
  expect(await incidents()).toEqual(incidentsBefore);
  expect((await operator.listProviders()).providers).toHaveLength(5);
}, 200_000);
