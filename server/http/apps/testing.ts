// A web server that serves jobs' ports on real sockets, a running rental, and a door into it that leads to a little server of
// the test: all that is not real is who runs the rental.
import { once } from "node:events";
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from "node:http";
import { type AddressInfo, createConnection } from "node:net";
import { eq } from "drizzle-orm";
import { AppError } from "../../../domain/errors.ts";
import { type ExecutionId, isId, type JobId } from "../../../domain/ids.ts";
import { appsPlace, hostOfJob } from "../../../domain/job/port-host.ts";
import { jobs } from "../../../drizzle/schema/job.ts";
import { RentalBody } from "../../../protocol/operations/job.ts";
import type { Deps, Inside, Whereabouts } from "../../deps.ts";
import { openWire, type Wire } from "../../testing/wire.ts";
import { GPU_MODEL } from "../../testing/world.ts";
import { openPort } from "../../usecases/job/open-port.ts";
import { submitRental } from "../../usecases/job/submit-rental.ts";
import { createWebServer, type WebServer } from "../node-http.ts";
import { type Apps, createApps } from "./apps.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
/** What the rentals of a test name as their port; where it really is, the door knows. */
export const PORT = 8888;

export interface Heard {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly bytes: Buffer;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer;
  /** of another web process; this one's where it is absent */
  readonly port?: number;
}

/** The door of every execution: to a port of this machine, or shut. */
class TestInside implements Inside {
  readonly ports = new Map<ExecutionId, number>();
  readonly connected: { at: Whereabouts; port: number }[] = [];
  failing: AppError | null = null;
  logs = () => {
    throw new Error("no test of ports reads logs");
  };
  exec = () => Promise.reject(new Error("no test of ports runs commands"));
  async connect(at: Whereabouts, port: number, signal: AbortSignal) {
    if (this.failing) throw this.failing;
    this.connected.push({ at, port });
    const socket = createConnection({ host: "127.0.0.1", port: this.ports.get(at.id) ?? 1, signal });
    try {
      await once(socket, "connect");
    } catch {
      throw new AppError("conflict", "Nothing listens there.");
    }
    return socket;
  }
}

export interface Harbour extends AsyncDisposable {
  readonly wire: Wire;
  readonly deps: Deps;
  readonly apps: Apps;
  readonly web: WebServer;
  readonly inside: TestInside;
  readonly port: number;
  readonly owner: Awaited<ReturnType<Wire["world"]["customer"]>>;
  /** A running rental whose port leads to a server of the test; null: nothing listens. */
  rent(listener: RequestListener | Server | null, httpPort?: number | null): Promise<JobId>;
  /** The port of another web process over the same database. */
  replica(): Promise<number>;
  host(job: JobId): string;
  /** The path of a link, with its ticket. */
  link(job: JobId): Promise<string>;
  /** The cookie that a link leaves. */
  enter(job: JobId): Promise<string>;
  /** Asks as no browser would: every header as given. */
  ask(host: string, path: string, asked?: Asked): Promise<Heard>;
}

export async function openHarbour(settings: Partial<Deps["settings"]> = {}, trusted: string[] = []): Promise<Harbour> {
  const wire = await openWire({ settings: { appsDomain: "localhost", ...settings } });
  const { world } = wire;
  await world.provider({ gpus: 60 });
  const owner = await world.customer(1, 1_000_000_000n);
  const inside = new TestInside();
  const deps: Deps = { ...wire.deps, inside: { agent: inside, pods: null } };
  const webs: WebServer[] = [];
  async function openWeb() {
    const apps = createApps({ deps, trustedProxies: trusted, metrics: { observe: () => {} } });
    const page = async (_request: unknown, reply: { end(text: string): void }) => reply.end("a page of the console");
    const web = createWebServer(wire.dispatcher, page, [apps.upgrade], apps);
    webs.push(web);
    web.server.listen(0, "127.0.0.1");
    await once(web.server, "listening");
    const { port } = web.server.address() as AddressInfo;
    return { apps, web, port };
  }
  const { apps, web, port } = await openWeb();
  const place = appsPlace(deps.settings.appsDomain, deps.settings.publicUrl);
  const servers: Server[] = [];

  const harbour: Harbour = {
    ...{ wire, deps, apps, web, inside, port, owner },
    async rent(listener, httpPort = PORT) {
      const body = { kind: "rental", gpu_type: GPU_MODEL, duration_hours: 1, ssh_public_key: KEY, http_port: httpPort };
      const wish = RentalBody.parse(httpPort === null ? { ...body, http_port: undefined } : body);
      const { id } = await submitRental(deps, owner, wish, null);
      if (!isId("job", id)) throw new Error(`${id} is no job`);
      await world.settleRings();
      const [row] = await world.db.select().from(jobs).where(eq(jobs.id, id));
      if (listener !== null && row) {
        const server = typeof listener === "function" ? createServer(listener) : listener;
        servers.push(server);
        server.listen(0, "127.0.0.1");
        await once(server, "listening");
        inside.ports.set(row.executionId, (server.address() as AddressInfo).port);
      }
      return id;
    },
    replica: async () => (await openWeb()).port,
    host(job) {
      if (!place) throw new Error("ports are off");
      return hostOfJob(place, job);
    },
    async link(job) {
      const { url } = await openPort(deps, owner, job);
      const { pathname, search } = new URL(url);
      return pathname + search;
    },
    async enter(job) {
      const { headers } = await harbour.ask(harbour.host(job), await harbour.link(job));
      return headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
    },
    async ask(host, path, { method, headers, body, port: at = port } = {}) {
      const request = httpRequest({
        ...{ port: at, host: "127.0.0.1", path, agent: false, method: method ?? (body === undefined ? "GET" : "POST") },
        headers: { host, ...headers },
      });
      request.end(body);
      const [answer] = await once(request, "response");
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part);
      const bytes = Buffer.concat(parts);
      return { status: answer.statusCode, headers: answer.headers, text: bytes.toString(), bytes };
    },
    async [Symbol.asyncDispose]() {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
      await Promise.all(webs.map((each) => each.stop()));
      await wire[Symbol.asyncDispose]();
    },
  };
  return harbour;
}

/** The owner's browser: same origin, with its cookie. */
export function fromItself(host: string, cookie: string): Record<string, string> {
  return { cookie, origin: `http://${host}`, "sec-fetch-site": "same-origin" };
}
