// The wire over real node:http and a real database: what a test speaks to, and wallets that log in to it.
import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { generatePrivateKey, type PrivateKeyAccount, privateKeyToAccount } from "viem/accounts";
import { createWallets } from "../adapters/chain/wallets.ts";
import { postgresWakes } from "../adapters/wakes/postgres-wakes.ts";
import type { Deps } from "../deps.ts";
import { createDispatcher, type Dispatcher, type DispatchOptions } from "../http/dispatch.ts";
import { carry, InFlight, refuseBrokenRequests } from "../http/node-http.ts";
import { openWorld, type World } from "./world.ts";

export const SESSION_SECRET = "the secret of the tests' cookies, 32 or more";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** where it is JSON, what the parser gives: a test looks where it pleases */
  readonly json: ReturnType<typeof JSON.parse>;
}

export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  /** sent as JSON */
  readonly json?: unknown;
  /** sent as it is */
  readonly raw?: string | Buffer;
  readonly token?: string;
}

export interface Wire extends AsyncDisposable {
  readonly world: World;
  readonly deps: Deps;
  readonly dispatcher: Dispatcher;
  readonly inFlight: InFlight;
  readonly port: number;
  /** Asks as no browser would: every header as given. */
  ask(path: string, ask?: Ask): Promise<Answer>;
  /** Logs a wallet in over the wire. */
  login(wallet?: PrivateKeyAccount): Promise<{ token: string; account: string; wallet: PrivateKeyAccount }>;
}

interface WireOptions extends Partial<Pick<DispatchOptions, "rates" | "trustedProxies">> {
  readonly settings?: Partial<Deps["settings"]>;
}

export async function openWire({ settings, rates, trustedProxies = [] }: WireOptions = {}): Promise<Wire> {
  const inFlight = new InFlight();
  let dispatcher: Dispatcher | undefined;
  const server = createServer((request, reply) => {
    if (dispatcher) void carry(dispatcher.dispatch, inFlight, request, reply);
  });
  refuseBrokenRequests(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const world = await openWorld({ publicUrl: `http://127.0.0.1:${port}`, ...settings });
  const wakes = await postgresWakes(world.url, world.deps.log);
  const deps: Deps = { ...world.deps, wallets: createWallets(null), wakes };
  const opened = createDispatcher({
    deps,
    trustedProxies,
    sessionSecret: SESSION_SECRET,
    production: false,
    metrics: { text: async () => ({ contentType: "text/plain", body: "" }), observe: () => {} },
    ...(rates ? { rates } : {}),
  });
  dispatcher = opened;

  const ask = (path: string, options: Ask = {}): Promise<Answer> => exchange(port, path, options);
  return {
    world,
    deps,
    dispatcher: opened,
    inFlight,
    port,
    ask,
    async login(wallet = privateKeyToAccount(generatePrivateKey())) {
      const address = wallet.address.toLowerCase();
      const asked = await ask("/api/v1/auth/nonce", { json: { address } });
      const signature = await signLogin(wallet, asked.json.typed_data);
      const given = await ask("/api/v1/auth/login", { json: { address, nonce: asked.json.nonce, signature } });
      return { token: given.json.token, account: address, wallet };
    },
    async [Symbol.asyncDispose]() {
      inFlight.tellToStop();
      server.closeAllConnections();
      server.close();
      await wakes.close();
      await world[Symbol.asyncDispose]();
    },
  };
}

/** Signs what a nonce came with, as a wallet does. */
export function signLogin(
  wallet: PrivateKeyAccount,
  typed: Parameters<Deps["wallets"]["signed"]>[1],
): Promise<`0x${string}`> {
  const message = {
    ...typed.message,
    issuedAt: BigInt(typed.message.issuedAt),
    expiresAt: BigInt(typed.message.expiresAt),
  };
  return wallet.signTypedData({
    domain: typed.domain,
    types: { Login: typed.types.Login },
    primaryType: "Login",
    message,
  });
}

async function exchange(port: number, path: string, { method, headers, json, raw, token }: Ask): Promise<Answer> {
  const body = json === undefined ? raw : JSON.stringify(json);
  const request = httpRequest({
    port,
    host: "127.0.0.1",
    path,
    method: method ?? (body === undefined ? "GET" : "POST"),
    headers: {
      ...(json === undefined ? {} : { "content-type": "application/json" }),
      ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
  });
  request.end(body);
  const [response] = await once(request, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  const isJson = String(response.headers["content-type"] ?? "").includes("json");
  return {
    status: response.statusCode,
    headers: response.headers,
    text,
    json: isJson && text ? JSON.parse(text) : undefined,
  };
}
