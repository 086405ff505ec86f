// A registry of one private image, as a kubelet's runtime asks it: plain HTTP on loopback, behind basic authentication.
// https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

export interface PrivateRegistry extends AsyncDisposable {
  /** host:port, as images name it */
  readonly registry: string;
  /** its only image */
  readonly image: string;
  /** how often the layer was sent to somebody who knew the password */
  pulls(): number;
}

/** @param dress makes files of the image in a folder; without it the image holds no program at all */
export async function privateRegistry(
  username: string,
  password: string,
  dress: (folder: string) => void = () => {},
): Promise<PrivateRegistry> {
  const layer = layerOf(dress);
  const config = JSON.stringify({
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf(layer)] },
  });
  const described = (mediaType: string, data: string | Buffer) => ({
    mediaType,
    digest: digestOf(data),
    size: Buffer.byteLength(data),
  });
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: described("application/vnd.oci.image.config.v1+json", config),
    layers: [described("application/vnd.oci.image.layer.v1.tar", layer)],
  });
  const blobs = new Map<string, string | Buffer>([config, layer].map((data) => [digestOf(data), data]));
  const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  let pulls = 0;

  const server = createServer((request, reply) => {
    if (request.headers.authorization !== wanted)
      return void reply.writeHead(401, { "www-authenticate": 'Basic realm="private"' }).end();
    const [, kind, name = ""] = /\/(manifests|blobs)\/([^/]+)$/.exec(request.url ?? "") ?? [];
    if (kind === "manifests" && ["1", digestOf(manifest)].includes(name)) return send(reply, MANIFEST, manifest);
    const blob = kind === "blobs" ? blobs.get(name) : undefined;
    if (blob === undefined && request.url !== "/v2/") return refuse(reply, kind);
    if (blob === undefined) return void reply.writeHead(200).end();
    if (blob === layer && request.method === "GET") pulls += 1;
    send(reply, "application/octet-stream", blob);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const registry = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    registry,
    image: `${registry}/me/private:1`,
    pulls: () => pulls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function send(reply: ServerResponse, type: string, data: string | Buffer): void {
  const headers = { "content-type": type, "content-length": Buffer.byteLength(data) };
  reply.writeHead(200, { ...headers, "docker-content-digest": digestOf(data) }).end(data);
}

function refuse(reply: ServerResponse, kind: string | undefined): void {
  const code = kind === "manifests" ? "MANIFEST_UNKNOWN" : "BLOB_UNKNOWN";
  const body = JSON.stringify({ errors: [{ code, message: code.toLowerCase().replace("_", " ") }] });
  reply.writeHead(404, { "content-type": "application/json" }).end(body);
}

function digestOf(data: string | Buffer): string {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}

function layerOf(dress: (folder: string) => void): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "berth-layer-"));
  const root = join(folder, "root");
  try {
    mkdirSync(root);
    dress(root);
    writeFileSync(join(root, "readme"), `drawn at ${Date.now()} by ${process.pid}\n`); // no runtime has it yet
    execFileSync("tar", ["-C", root, "-cf", join(folder, "layer.tar"), "."]);
    return readFileSync(join(folder, "layer.tar"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
