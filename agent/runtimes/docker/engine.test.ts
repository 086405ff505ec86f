import { mkdtempSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { findEngine, openStream, said, socketsOf, statusOf } from "./engine.ts";
import { authOf, fullName, pullCause } from "./image.ts";

const DOCKER = "Docker/24.0.7 (linux)";
const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

/** @param name that it gives itself when it is pinged */
async function engineSaying(name: string, heard: (auth: string) => void = () => undefined) {
  const socket = join(mkdtempSync(join(tmpdir(), "berth-engine-")), "e.sock");
  const server = createServer((request, response) => {
    heard(String(request.headers["x-registry-auth"] ?? ""));
    if (request.url === "/_ping") return response.writeHead(200, { server: name }).end("OK");
    response.writeHead(request.url?.includes("denied") ? 403 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify({ message: "denied by it" }));
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return socket;
}

async function found(name: string, heard?: (auth: string) => void) {
  const answer = await findEngine({ DOCKER_HOST: `unix://${await engineSaying(name, heard)}` });
  if ("why" in answer) throw new Error(answer.why);
  return answer.engine;
}

test("the owner's word is the only socket tried; without it Docker comes before Podman", () => {
  expect(socketsOf({ DOCKER_HOST: "unix:///x.sock", XDG_RUNTIME_DIR: "/run/user/1" })).toEqual(["unix:///x.sock"]);
  expect(socketsOf({ XDG_RUNTIME_DIR: "/run/user/1" })).toEqual(
    ["/var/run/docker.sock", "/run/podman/podman.sock", "/run/user/1/podman/podman.sock"].map((at) => `unix://${at}`),
  );
});

test("Podman is told from Docker by the answer to a ping, which is all that is asked", async () => {
  expect(await found("Docker/24.0.7 (linux)")).toMatchObject({ kind: "docker", version: "24.0.7" });
  expect(await found("Libpod/4.3.1 (linux)")).toMatchObject({ kind: "podman", version: "4.3.1" });
  expect(await findEngine({ DOCKER_HOST: `unix://${await engineSaying("")}` })).toMatchObject({
    why: expect.stringContaining("does not answer"),
  });
});

test("an engine of another machine is refused, one that is not there is told with its fix", async () => {
  expect(await findEngine({ DOCKER_HOST: "tcp://10.0.0.1:2375" })).toMatchObject({
    why: expect.stringContaining("this very machine"),
  });
  expect(await findEngine({ DOCKER_HOST: "unix:///nowhere/e.sock" })).toMatchObject({
    ...{ why: expect.stringContaining("/nowhere/e.sock is not there"), fix: expect.stringContaining("podman.socket") },
  });
});

test("a refusal has the engine's status and its own words", async () => {
  const engine = await found(DOCKER);
  const refusal = await openStream(engine, { method: "GET", path: "/denied", query: {} }).catch(
    (error: unknown) => error,
  );
  expect([statusOf(refusal), said(refusal)]).toEqual([403, "denied by it"]);
  expect(statusOf(new Error("gone"))).toBeUndefined();
});

test("a login goes along with a pull as engines read it, and with nothing else", async () => {
  const heard: string[] = [];
  const engine = await found(DOCKER, (auth) => heard.push(auth));
  const login = { registry: "ghcr.io", username: "me", password: "ÿ~?>secret" };
  const ask = { method: "POST", path: "/images/create", query: {} } as const;
  (await openStream(engine, { ...ask, authconfig: authOf(login) })).resume();
  (await openStream(engine, ask)).resume();
  const [, withLogin = "", without] = heard;
  expect(withLogin).toMatch(/^[\w=-]+$/);
  expect(JSON.parse(Buffer.from(withLogin, "base64url").toString())).toEqual({
    ...{ username: "me", password: login.password, serveraddress: "ghcr.io" },
  });
  expect(without).toBe("");
  expect(authOf({ ...login, registry: "docker.io" }).serveraddress).toBe("https://index.docker.io/v1/");
});

test("a name says its registry and its tag", () => {
  expect(["debian", "me/x:1", "ghcr.io/a/b", "x@sha256:0"].map(fullName)).toEqual([
    ...["docker.io/library/debian:latest", "docker.io/me/x:1", "ghcr.io/a/b:latest", "docker.io/library/x@sha256:0"],
  ]);
});

test("a pull that is denied is told from an image that is not there and from a registry that is away, in each engine's words", () => {
  const said = [
    'Head "http://127.0.0.1:5000/v2/me/private/manifests/1": no basic auth credentials', // Docker 20.10, no login
    "unauthorized: authentication required", // Docker, a wrong one
    "manifest unknown",
    'Get "http://localhost/v2/": dial tcp 127.0.0.1:80: connect: connection refused',
  ];
  expect(said.map(pullCause)).toEqual(["image-denied", "image-denied", "image-not-found", undefined]);
});
