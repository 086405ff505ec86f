// A demo of its own, where an operator admits by hand: its machines wait, and whoever owns them can speak for them.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { APIRequestContext } from "@playwright/test";
import postgres from "postgres";
import { isHex } from "viem";
import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { type BerthClient, berthClient } from "../protocol/client.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

export interface OwnStack {
  readonly url: string;
  /** A client logged in as the wallet that owns a demo machine. */
  owner(machine: string): Promise<BerthClient>;
  /** Takes reputation as an offline edge does, without the two minutes that it takes. @returns the event's id */
  takeReputation(providerId: string, points: number): Promise<number>;
  /** Puts a machine in quarantine as a check of its results does. */
  quarantine(providerId: string, reason: string): Promise<void>;
  /** Makes a node that has a kubelet already the one that a provider was issued: no test can join a second machine. */
  adoptNode(providerId: string, nodeName: string): Promise<void>;
  stop(): Promise<void>;
}

/** @param over variables of its environment */
export async function startOwnStack(over: Readonly<Record<string, string>> = {}): Promise<OwnStack> {
  const dataDir = await mkdtemp(join(tmpdir(), "berth-e2e-own-"));
  const args = ["--import", "tsx", "scripts/up/main.ts", "--port", String(await freePort()), "--data-dir", dataDir];
  const env = { ...process.env, PROVIDER_ADMISSION: "manual", OPERATOR_ADDRESSES: "", ...over };
  const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
  const stop = async () => {
    const left = child.exitCode === null ? once(child, "exit") : null;
    child.kill("SIGTERM");
    await left;
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const url = await whenUp(child);
    return {
      url,
      stop,
      owner: async (machine) => {
        const key = (await readFile(join(dataDir, "wallets", `${machine}.key`), "utf8")).trim();
        if (!isHex(key)) throw new Error(`${machine} has no wallet`);
        const { client } = await logIn(url, key);
        return client;
      },
      takeReputation: (providerId, points) => withDatabase(dataDir, (sql) => takeReputation(sql, providerId, points)),
      quarantine: (providerId, reason) =>
        withDatabase(dataDir, async (sql) => {
          await sql`insert into provider_evidence (provider_id, at, quarantined_at, quarantine_reason)
            values (${providerId}, now(), now(), ${reason})
            on conflict (provider_id) do update set quarantined_at = now(), quarantine_reason = ${reason}`;
        }),
      adoptNode: (providerId, nodeName) =>
        withDatabase(dataDir, async (sql) => {
          await sql`update provider_nodes set node_name = ${nodeName}, next_reconcile_at = now()
            where provider_id = ${providerId}`;
        }),
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function whenUp(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (chunk: Buffer) => {
        said += chunk;
        const url = /Berth is up: (\S+)/.exec(said)?.[1];
        if (url) resolve(url);
      });
    child.once("exit", (code) => reject(new Error(`up ended with ${code}:\n${said}`)));
  });
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function logIn(url: string, key: `0x${string}`) {
  const { address, nonce, signature } = await proof(url, key);
  const { token } = await berthClient({ baseUrl: url }).login({ body: { address, nonce, signature } });
  return { client: berthClient({ baseUrl: url, token }) };
}

async function proof(url: string, key: `0x${string}`) {
  const wallet = privateKeyToAccount(key);
  const {
    address,
    nonce,
    typed_data: typed,
  } = await berthClient({ baseUrl: url }).createNonce({
    body: { address: wallet.address },
  });
  const { issuedAt, expiresAt } = typed.message;
  const signature = await wallet.signTypedData({
    domain: typed.domain,
    types: { Login: typed.types.Login },
    primaryType: "Login",
    message: { ...typed.message, issuedAt: BigInt(issuedAt), expiresAt: BigInt(expiresAt) },
  });
  return { address, nonce, signature };
}

/** Logs a browser in as a wallet that nobody has seen before. */
export async function logInAsStranger(url: string, request: APIRequestContext): Promise<void> {
  const given = await proof(url, generatePrivateKey());
  const { csrfToken } = await (await request.get(`${url}/api/auth/csrf`)).json();
  const form = { ...given, csrfToken, json: "true" };
  const answer = await request.post(`${url}/api/auth/callback/credentials`, { form, headers: { origin: url } });
  if (!answer.ok()) throw new Error(`the login answered ${answer.status()}: ${await answer.text()}`);
}

async function withDatabase<T>(dataDir: string, use: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const { postgresPassword } = JSON.parse(await readFile(join(dataDir, "secrets.json"), "utf8"));
  const port = (await readFile(join(dataDir, "postgres", "postmaster.pid"), "utf8")).split("\n")[3];
  const sql = postgres({ host: "127.0.0.1", port: Number(port), user: "postgres", password: postgresPassword, max: 1 });
  try {
    return await use(sql);
  } finally {
    await sql.end();
  }
}

function takeReputation(sql: postgres.Sql, providerId: string, points: number): Promise<number> {
  return sql.begin(async (tx) => {
    await tx`update providers set reputation = reputation - ${points} where id = ${providerId}`;
    const [event] = await tx<{ id: string }[]>`
      insert into reputation_events (provider_id, delta, reason, at) values (${providerId}, ${-points}, 'offline', now())
      returning id`;
    return Number(event?.id);
  });
}
