import { getEventListeners, once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { KubeConfig } from "@kubernetes/client-node";
import { afterEach, describe, expect, test } from "vitest";
import type { NodeChange } from "../../../deps.ts";
import { TEST_KUBECONFIG, testCluster } from "../../../testing/kubernetes.ts";
import { kubernetesNodes } from "./nodes/kubernetes.ts";
import { follow } from "./watch.ts";

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

type Answer = (response: ServerResponse, query: URLSearchParams) => void;
const event = (type: string, version: string) =>
  `${JSON.stringify({ type, object: { metadata: { name: "a", resourceVersion: version } } })}\n`;

/** An API server that answers each watch in turn; the last answer again and again. */
async function scripted(answers: Answer[], opensWithinMs = 10_000) {
  const asked: (string | null)[] = [];
  const server = createHttp((request: IncomingMessage, response: ServerResponse) => {
    const query = new URL(request.url ?? "", "http://test").searchParams;
    asked.push(query.get("resourceVersion"));
    answers[Math.min(asked.length, answers.length) - 1]?.(response, query);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const config = new KubeConfig();
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : 0;
  config.loadFromClusterAndUser(
    { name: "test", server: `http://127.0.0.1:${port}`, skipTLSVerify: true },
    { name: "test" },
  );
  const seen: string[] = [];
  const troubles: unknown[] = [];
  const tallied: string[] = [];
  let backs = 0;
  let lists = 0;
  const stop = new AbortController();
  const following = follow(
    {
      config,
      path: "/things",
      list: async () => `${++lists}00`,
      onObject: (type) => seen.push(type),
      onTrouble: (error) => troubles.push(error),
      onBack: () => void backs++,
      tally: {
        callFailed: () => {},
        watchBroke: (watch) => tallied.push(`${watch} broke`),
        watchListed: (watch) => tallied.push(`${watch} listed`),
      },
      opensWithinMs,
    },
    stop.signal,
  );
  ends.push(async () => {
    stop.abort();
    await following;
  });
  const end = () => {
    stop.abort();
    return following;
  };
  const connected = promisify(server.getConnections.bind(server));
  return {
    asked,
    seen,
    troubles,
    tallied,
    signal: stop.signal,
    end,
    connected,
    lists: () => lists,
    backs: () => backs,
  };
}
const quietly: Answer = (response) => void response.writeHead(200).flushHeaders();

test("a watch that ends or breaks goes on from the last version it heard of, bookmarks included", async () => {
  const watched = await scripted([
    (response) => response.end(event("ADDED", "101") + event("BOOKMARK", "150")),
    (response) => {
      response.write(event("MODIFIED", "151"));
      setTimeout(() => response.destroy(), 20);
    },
    (response) => void response.writeHead(503).end(),
    quietly,
  ]);
  await expect.poll(() => watched.asked, { timeout: 10_000 }).toEqual(["100", "150", "151", "151"]);
  expect(watched.seen).toEqual(["ADDED", "MODIFIED"]);
  expect(watched.lists()).toBe(1);
});

test("a server that let nobody watch for a time is said to be back, once; a watch that merely ended says nothing", async () => {
  const away: Answer = (response) => void response.destroy();
  const watched = await scripted([(response) => response.end(event("ADDED", "101")), away, away, quietly]);
  await expect.poll(() => watched.asked.length, { timeout: 10_000 }).toBe(4);
  await expect.poll(watched.backs, { timeout: 5_000 }).toBe(1);
  const ended = await scripted([(response) => response.end(event("ADDED", "101")), quietly]);
  await expect.poll(() => ended.asked.length, { timeout: 10_000 }).toBe(2);
  expect(ended.backs()).toBe(0);
});

test.each<[string, Answer]>([
  ["as an answer", (response) => void response.writeHead(410).end()],
  ["as an event", (response) => response.end(`${JSON.stringify({ type: "ERROR", object: { code: 410 } })}\n`)],
])("a version that the server has forgotten, %s, is listed anew", async (_how, gone) => {
  const watched = await scripted([gone, quietly]);
  await expect.poll(() => watched.asked, { timeout: 10_000 }).toEqual(["100", "200"]);
  expect(watched.lists()).toBe(2);
  expect(watched.tallied).toEqual(["things listed", "things listed"]);
});

test("a server that takes connections and never answers is given up, asked again, and left when told to stop", async () => {
  const watched = await scripted([() => {}], 50);
  await expect.poll(() => watched.asked.length, { timeout: 10_000 }).toBeGreaterThan(2);
  expect(watched.tallied.slice(0, 2)).toEqual(["things listed", "things broke"]);
  const waiting = await scripted([() => {}], 60_000);
  await expect.poll(() => waiting.asked.length, { timeout: 10_000 }).toBe(1);
  for (const one of [watched, waiting]) {
    await one.end();
    await expect.poll(one.connected, { timeout: 10_000 }).toBe(0);
  }
  expect(waiting.troubles).toEqual([]);
});

test("however often it is connected again, a watch leaves no listeners on the signal that ends it", async () => {
  const watched = await scripted([
    ...Array.from({ length: 30 }, (): Answer => (response) => response.end(event("ADDED", "101"))),
    quietly,
  ]);
  await expect.poll(() => watched.asked.length, { timeout: 10_000 }).toBe(31);
  expect(getEventListeners(watched.signal, "abort").length).toBeLessThan(3);
  await watched.end();
  expect(getEventListeners(watched.signal, "abort")).toEqual([]);
});

test("lines that are no JSON, and events of no kind, harm nothing", async () => {
  const watched = await scripted([
    (response) => response.end(`not json\n{"type":"STRANGE","object":{}}\n${event("ADDED", "101")}`),
    quietly,
  ]);
  await expect.poll(() => watched.asked, { timeout: 10_000 }).toEqual(["100", "101"]);
  expect(watched.seen).toEqual(["ADDED"]);
});

/** A kubeconfig that leads to the real API server through a wire that can be cut. */
async function wire() {
  const sockets = new Set<Socket>();
  const cluster = testCluster();
  const port = Number(new URL(cluster.server).port);
  let cut = false;
  const server = createServer((socket) => {
    if (cut) return void socket.destroy();
    const upstream = connect(port, "127.0.0.1");
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      sockets.add(one);
      one.on("error", () => other.destroy()).on("close", () => sockets.delete(one));
      one.pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const own = server.address();
  const ownPort = typeof own === "object" && own ? (own satisfies AddressInfo).port : 0;
  const folder = mkdtempSync(join(tmpdir(), "berth-wire-"));
  const kubeconfig = join(folder, "config");
  writeFileSync(kubeconfig, readFileSync(TEST_KUBECONFIG, "utf8").replaceAll(`:${port}`, `:${ownPort}`));
  ends.push(() => rmSync(folder, { recursive: true }));
  ends.push(() => cluster.close());
  ends.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    kubeconfig,
    cluster,
    cut(now: boolean) {
      cut = now;
      if (now) for (const socket of sockets) socket.destroy();
    },
  };
}

describe.skipIf(!TEST_KUBECONFIG)("a real Kubernetes behind a wire that breaks (needs BERTH_TEST_KUBECONFIG)", () => {
  test("what changed while the connection was away is told when it is back, without listing again", async () => {
    const { kubeconfig, cluster, cut } = await wire();
    const nodes = kubernetesNodes({ kubeconfig, joinEndpoint: null, labelPrefix: "wire.berth.test", log: quiet });
    const told: NodeChange[] = [];
    const stop = new AbortController();
    const watching = nodes.watch((change) => told.push(change), stop.signal);
    ends.push(async () => {
      stop.abort();
      await watching;
    });
    const lists = () => told.filter(({ kind }) => kind === "anything").length;
    await expect.poll(lists, { timeout: 10_000 }).toBe(2); // nodes, requests
    cut(true);
    const name = `berth-test-${crypto.randomUUID().slice(0, 8)}`;
    await cluster.register(name);
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(told).not.toContainEqual({ kind: "node", name });
    cut(false);
    await expect.poll(() => told, { timeout: 20_000 }).toContainEqual({ kind: "node", name });
    expect(lists()).toBe(2);
  });

  test("a cluster that is away fails its callers at once, and is asked again soon", async () => {
    const { kubeconfig, cut } = await wire();
    const failed: string[] = [];
    const tally = { callFailed: (answer: string) => failed.push(answer), watchBroke: () => {}, watchListed: () => {} };
    const base = { kubeconfig, joinEndpoint: null, labelPrefix: "wire.berth.test" };
    const nodes = kubernetesNodes({ ...base, log: quiet, tally });
    expect(await nodes.find("gpu-node-of-nobody")).toBeNull();
    expect(failed).toEqual([]); // that there is none is an answer
    cut(true);
    await expect(nodes.find("gpu-node-1")).rejects.toThrow();
    await expect(nodes.find("gpu-node-1")).rejects.toMatchObject({ name: "ClusterAway" });
    expect(new Set(failed)).toEqual(new Set(["none"]));
    cut(false);
    await expect
      .poll(
        () =>
          nodes.find("gpu-node-1").then(
            () => "back",
            () => "away",
          ),
        { timeout: 15_000 },
      )
      .toBe("back");
  });
});
