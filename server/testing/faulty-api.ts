// An API server that fails at random: the real one behind a proxy that refuses, stumbles, and cuts connections.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { KubeConfig } from "@kubernetes/client-node";
import { TEST_KUBECONFIG } from "./kubernetes.ts";

/** Before: the server never hears of it. After: it is done, and whoever asked does not hear of that. */
export const FAULTS = ["conflict", "busy", "broken", "away", "cut-before", "cut-after", "broken-after"] as const;
export type Fault = (typeof FAULTS)[number];

const ANSWERS: Partial<Record<Fault, { readonly status: number; readonly reason: string }>> = {
  conflict: { status: 409, reason: "Conflict" },
  busy: { status: 429, reason: "TooManyRequests" },
  broken: { status: 500, reason: "InternalError" },
  away: { status: 503, reason: "ServiceUnavailable" },
  "broken-after": { status: 500, reason: "InternalError" },
};

/** @param next which fault the next request meets; null: none */
export async function faultyApi(next: (method: string, path: string) => Fault | null) {
  const admin = new KubeConfig();
  admin.loadFromFile(TEST_KUBECONFIG);
  const [cluster, user] = [admin.getCurrentCluster(), admin.getCurrentUser()];
  if (!cluster || !user) throw new Error(`${TEST_KUBECONFIG} names no cluster and user`);
  const decoded = (text: string | undefined) => Buffer.from(text ?? "", "base64");
  const agent = new Agent({
    ...{ ca: decoded(cluster.caData), cert: decoded(user.certData), key: decoded(user.keyData), keepAlive: true },
  });

  /** The real server's answer, whole. */
  async function ask(message: IncomingMessage): Promise<{ status: number; type: string; body: Buffer }> {
    const sent: Buffer[] = [];
    for await (const part of message) sent.push(part);
    return new Promise((resolve, reject) => {
      const { host: _, connection: __, ...headers } = message.headers;
      const asked = request(
        new URL(message.url ?? "/", cluster?.server),
        { agent, method: message.method, headers },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on("data", (part) => parts.push(part));
          answer.on("end", () =>
            resolve({
              status: answer.statusCode ?? 500,
              type: answer.headers["content-type"] ?? "application/json",
              body: Buffer.concat(parts),
            }),
          );
        },
      );
      asked.on("error", reject);
      asked.end(Buffer.concat(sent));
    });
  }

  async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const fault = next(message.method ?? "GET", message.url ?? "/");
    const refuse = () => {
      const { status, reason } = ANSWERS[fault ?? "broken"] ?? { status: 500, reason: "InternalError" };
      const body = { kind: "Status", apiVersion: "v1", status: "Failure", message: `a fault: ${fault}`, reason };
      const retry = status === 429 ? { "retry-after": "1" } : {};
      message.resume();
      response.writeHead(status, { "content-type": "application/json", ...retry }).end(JSON.stringify(body));
    };
    if (fault === "cut-before") return void message.destroy();
    if (fault && fault !== "cut-after" && fault !== "broken-after") return refuse();
    const real = await ask(message);
    if (fault === "cut-after") return void response.destroy();
    if (fault === "broken-after") return refuse();
    response.writeHead(real.status, { "content-type": real.type }).end(real.body);
  }

  const server = createServer((message, response) => {
    answer(message, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  const folder = await mkdtemp(join(tmpdir(), "berth-faulty-"));
  const kubeconfig = join(folder, "kubeconfig");
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    { name: "faulty", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: "nobody" },
  );
  await writeFile(kubeconfig, config.exportConfig());
  return {
    kubeconfig,
    async close() {
      server.closeAllConnections();
      server.close();
      agent.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
