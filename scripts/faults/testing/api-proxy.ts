// A door before a real API server: it can be shut, it counts who asks what, and it may change what is asked.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request as plain } from "node:http";
import { createServer, type RequestOptions, Agent as TlsAgent, request as tls } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";

const run = promisify(execFile);

/** What was asked of the API server, by `POST pods` and the like; watches are left out. */
export type Calls = Map<string, { count: number; ms: number }>;

export interface ApiProxy {
  /** a kubeconfig that leads through the proxy, with all rights of the one behind it */
  readonly kubeconfig: string;
  /** `cut`: connections break and none is taken. `hang`: they are taken, and nobody answers. */
  set(state: "open" | "cut" | "hang"): void;
  /** What was asked since the last time. */
  takeCalls(): Calls;
  close(): Promise<void>;
}

export interface ProxyOptions {
  /** May change the body of a POST of a resource, such as `pods`. */
  readonly rewrite?: (resource: string, body: string) => string;
}

export async function openApiProxy(behind: string, { rewrite }: ProxyOptions = {}): Promise<ApiProxy> {
  const real = new KubeConfig();
  real.loadFromFile(behind);
  const upstream = new URL(real.getCurrentCluster()?.server ?? "");
  const material: RequestOptions = {};
  await real.applyToHTTPSOptions(material);
  const { ca, cert, key } = material;
  const agent = new TlsAgent({ ...only({ ca, cert, key }), keepAlive: true });
  const folder = await mkdtemp(join(tmpdir(), "berth-api-proxy-"));
  const own = await certificate(folder);
  const sockets = new Set<Socket>();
  const calls: Calls = new Map();
  let state: "open" | "cut" | "hang" = "open";

  const server = createServer(own, (request, reply) => {
    if (state !== "open") return void request.resume();
    const startedMs = performance.now();
    const { resource, watched } = whatIsAsked(request);
    const headers = { ...request.headers, ...only({ authorization: bearer(material.headers) }), host: upstream.host };
    const asked = { agent, host: upstream.hostname, port: upstream.port, path: request.url, method: request.method };
    const pass = (body: Buffer | null) => {
      const { "transfer-encoding": chunked, ...plainly } = headers;
      const framed = body ? { ...plainly, "content-length": String(body.length) } : headers;
      const send: ClientRequest = (upstream.protocol === "https:" ? tls : plain)({
        ...asked,
        headers: framed satisfies OutgoingHttpHeaders,
      });
      send.on("response", (answer) => {
        reply.writeHead(answer.statusCode ?? 502, answer.headers);
        reply.flushHeaders();
        answer.pipe(reply);
        answer.on("error", () => reply.destroy());
        answer.on("end", () => {
          if (watched) return;
          const name = `${request.method} ${resource}`;
          const { count, ms } = calls.get(name) ?? { count: 0, ms: 0 };
          calls.set(name, { count: count + 1, ms: ms + performance.now() - startedMs });
        });
      });
      send.on("error", () => reply.destroy());
      reply.on("close", () => send.destroy());
      if (body) send.end(body);
      else request.pipe(send);
    };
    if (!rewrite || request.method !== "POST") return pass(null);
    void bodyOf(request).then(
      (body) => pass(Buffer.from(rewrite(resource, body))),
      () => reply.destroy(),
    );
  });
  server.on("connection", (socket: Socket) => {
    if (state === "cut") return void socket.destroy();
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(kubeconfig, configFor(`https://127.0.0.1:${port}`, own.cert));
  return {
    kubeconfig,
    set(next) {
      state = next;
      if (next !== "open") for (const socket of sockets) socket.destroy();
    },
    takeCalls() {
      const taken = new Map(calls);
      calls.clear();
      return taken;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      agent.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The options that are there: absent ones must not stand in the way of defaults. */
function only<T extends Record<string, unknown>>(options: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== null)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

function bearer(headers: unknown): string | undefined {
  const given = typeof headers === "object" && headers !== null && "Authorization" in headers && headers.Authorization;
  return typeof given === "string" ? given : undefined;
}

function whatIsAsked({ url = "/" }: IncomingMessage): { resource: string; watched: boolean } {
  const { pathname, searchParams } = new URL(url, "https://api");
  const parts = pathname.split("/").slice(pathname.startsWith("/api/") ? 3 : 4);
  const inNamespace = parts[0] === "namespaces" && parts.length > 2;
  return { resource: (inNamespace ? parts[2] : parts[0]) ?? "", watched: searchParams.has("watch") };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts).toString();
}

async function certificate(folder: string): Promise<{ cert: string; key: string }> {
  const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  await run("openssl", [
    ...["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"],
    ...["-subj", "/CN=api-proxy", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", keyFile, "-out", certFile],
  ]);
  return { cert: await readFile(certFile, "utf8"), key: await readFile(keyFile, "utf8") };
}

function configFor(server: string, ca: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "proxy",
    clusters: [
      { name: "proxy", cluster: { server, "certificate-authority-data": Buffer.from(ca).toString("base64") } },
    ],
    users: [{ name: "proxy", user: {} }],
    contexts: [{ name: "proxy", context: { cluster: "proxy", user: "proxy" } }],
  });
}
