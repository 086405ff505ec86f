// Jobs' HTTP ports, each at the host of its job: who has a session of that job reaches it, everybody else reads why not. No
// page and no operation of the console answers here.
import type { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { isAppError } from "../../../domain/errors.ts";
import type { JobId } from "../../../domain/ids.ts";
import { appsPlace, hostOfJob, jobOfHost, originOfJob } from "../../../domain/job/port-host.ts";
import type { Deps } from "../../deps.ts";
import { OPEN_PATH } from "../../usecases/job/open-port.ts";
import { enterPort, SESSION_SECONDS } from "../../usecases/job/visit-port.ts";
import { createDoors } from "../doors.ts";
import { createLimits, DEMO_RATES, RATES } from "../limits.ts";
import { pathOfTarget, type WireResponse } from "../message.ts";
import { type OtherHosts, send, wireRequestOf } from "../node-http.ts";
import { answerUpgrade, type Upgrade } from "../upgrades.ts";
import { type Admitted, createAdmission } from "./admission.ts";
import { carryRequest, carryUpgrade, TooSlow } from "./carry.ts";
import { fromElsewhere, PLAIN_COOKIE, SECURE_COOKIE, sessionsIn } from "./headers.ts";
import * as notices from "./notices.ts";
import { type Notice, noticeResponse, PRIVATE_HEADERS } from "./page.ts";
import { createVisits } from "./visits.ts";

const OURS = "/.berth/";
const CONNECT_MS = 20_000;

export interface AppsOptions {
  readonly deps: Deps;
  readonly trustedProxies: readonly string[];
  readonly metrics: { observe(seen: { operation: string; method: string; status: number; seconds: number }): void };
}

export interface Apps extends OtherHosts {
  readonly upgrade: Upgrade;
}

type Words = Omit<Notice, "console">;
/** Thrown to be shown. */
class Refused extends Error {
  constructor(readonly words: Words) {
    super(words.title);
  }
}

export function createApps({ deps, trustedProxies, metrics }: AppsOptions): Apps {
  const { appsDomain, publicUrl, demo } = deps.settings;
  const place = appsPlace(appsDomain, publicUrl);
  const doors = createDoors({ publicUrl, demo, trustedProxies });
  const limits = createLimits(demo ? DEMO_RATES : RATES);
  const admission = createAdmission(deps);
  const visits = createVisits(mayStay);
  const never = new AbortController().signal;

  const jobOf = (request: IncomingMessage): JobId | null =>
    place && jobOfHost(place, doors.hostOf(wireRequestOf(request, never)));

  async function mayStay(job: JobId, session: string): Promise<boolean> {
    try {
      return (await admission.admit(job, [session], async () => {})) !== null;
    } catch (error) {
      if (isAppError(error) && error.code === "conflict") return false;
      throw error;
    }
  }

  /** What every visit brings. */
  function visitorOf(request: IncomingMessage, job: JobId) {
    if (!place) throw new Error("a job's host was found where there is none");
    const caller = doors.callerOf(wireRequestOf(request, never));
    return { caller, host: hostOfJob(place, job), scheme: place.scheme, address: caller.address };
  }

  /** @throws Refused, AppError */
  async function admit(request: IncomingMessage, job: JobId, upgrading: boolean): Promise<Admitted> {
    const { caller, scheme } = visitorOf(request, job);
    const { method = "GET", headers } = request;
    if (!place || fromElsewhere({ method, headers }, originOfJob(place, job), upgrading))
      throw new Refused(notices.ELSEWHERE);
    const asking = () => limits.request(caller);
    const admitted = await admission.admit(job, sessionsIn(headers.cookie, scheme), asking);
    if (!admitted) throw new Refused(notices.NOT_OPEN);
    return admitted;
  }

  /** @throws Refused where nothing listens or nothing answers */
  async function connect({ reached: { at, port, inside } }: Admitted, gone: AbortSignal): Promise<Duplex> {
    const late = AbortSignal.timeout(CONNECT_MS);
    try {
      return await inside.connect(at, port, AbortSignal.any([gone, late]));
    } catch (error) {
      if (late.aborted) throw new Refused(notices.UNREACHED);
      if (isAppError(error) && error.code === "conflict") throw new Refused(notices.nothingListens(port));
      throw error;
    }
  }

  /** The ticket of the link becomes a cookie of this very host. */
  async function open(request: IncomingMessage, job: JobId): Promise<WireResponse> {
    const { caller, scheme } = visitorOf(request, job);
    await limits.request(caller);
    const seen = { status: 303, headers: { ...PRIVATE_HEADERS, location: "/" }, body: "" };
    const sessions = sessionsIn(request.headers.cookie, scheme);
    if (request.method !== "GET") throw new Refused(notices.NO_SUCH_PAGE); // a look ahead must not use the ticket up
    const ticket = new URLSearchParams((request.url ?? "").slice(OPEN_PATH.length)).get("ticket") ?? "";
    try {
      const secret = await enterPort(deps, job, ticket);
      const name = scheme === "https" ? SECURE_COOKIE : PLAIN_COOKIE;
      const secure = scheme === "https" ? "; Secure" : "";
      const cookie = `${name}=${secret}; Path=/; Max-Age=${SESSION_SECONDS}; HttpOnly; SameSite=Lax${secure}`;
      return { ...seen, headers: { ...seen.headers, "set-cookie": cookie } };
    } catch (error) {
      // Who is in already, and loads the link again, stays in.
      if (await admission.admit(job, sessions, async () => {})) return seen;
      throw error;
    }
  }

  function noticeOf(error: unknown, job: JobId): Notice {
    const words = error instanceof Refused ? error.words : notices.refusalOf(error);
    if (!words) deps.log.warn({ err: error, job }, "a job's port was not reached");
    return { ...(words ?? notices.BROKEN_ANSWER), console: `${publicUrl}/jobs/${job}` };
  }

  async function answer(request: IncomingMessage, reply: ServerResponse, job: JobId, gone: AbortSignal): Promise<void> {
    const path = pathOfTarget(request.url ?? "/");
    if (path === OPEN_PATH) return send(await open(request, job), request, reply, gone);
    if (path.startsWith(OURS)) throw new Refused(notices.NO_SUCH_PAGE);
    if (!path.startsWith("/")) throw new Refused(notices.NOT_A_PATH);
    const admitted = await admit(request, job, false);
    const end = visits.begin(job, admitted.session, request.socket, reply);
    if (!end) throw new Refused(notices.TOO_MANY_OPEN);
    try {
      const line = await connect(admitted, gone);
      await carryRequest(line, admitted.reached.port, visitorOf(request, job), request, reply).catch(
        (error: unknown) => {
          throw new Refused(error instanceof TooSlow ? notices.TOO_SLOW : notices.BROKEN_ANSWER);
        },
      );
    } finally {
      end();
    }
  }

  async function serve(request: IncomingMessage, reply: ServerResponse, job: JobId): Promise<void> {
    const startedMs = performance.now();
    const gone = new AbortController();
    reply.on("close", () => {
      gone.abort();
      const seconds = (performance.now() - startedMs) / 1000;
      metrics.observe({ operation: "port", method: request.method ?? "GET", status: reply.statusCode, seconds });
    });
    if (visits.stopping) reply.setHeader("connection", "close");
    try {
      await answer(request, reply, job, gone.signal);
    } catch (error) {
      if (reply.destroyed || reply.headersSent) return void reply.destroy();
      await send(noticeResponse(noticeOf(error, job), request.headers), request, reply, gone.signal).catch(() =>
        reply.destroy(),
      );
    }
  }

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, gone: AbortSignal, job: JobId) {
    try {
      const isWebSocket = request.method === "GET" && request.headers.upgrade?.toLowerCase() === "websocket";
      if (!isWebSocket || !(socket instanceof Socket)) throw new Refused(notices.NOT_A_WEBSOCKET);
      if (!request.url?.startsWith("/")) throw new Refused(notices.NOT_A_PATH);
      if (pathOfTarget(request.url ?? "/").startsWith(OURS)) throw new Refused(notices.NO_SUCH_PAGE);
      const admitted = await admit(request, job, true);
      const end = visits.begin(job, admitted.session, socket, null);
      if (!end) throw new Refused(notices.TOO_MANY_OPEN);
      socket.once("close", end);
      const line = await connect(admitted, gone);
      gone.addEventListener("abort", () => socket.end());
      const visitor = visitorOf(request, job);
      // From here on the socket is the proxy's: what breaks closes it.
      await carryUpgrade(line, admitted.reached.port, visitor, request, socket, head).catch(() => socket.destroy());
    } catch (error) {
      answerUpgrade(socket, noticeResponse(noticeOf(error, job), request.headers));
    }
  }

  return {
    serves(request, reply) {
      const job = jobOf(request);
      if (job === null) return false;
      void serve(request, reply, job);
      return true;
    },
    async upgrade(request, socket, head, signal) {
      const job = jobOf(request);
      if (job === null) return false;
      await upgrade(request, socket, head, signal, job);
      return true;
    },
    stop: () => visits.stop(),
  };
}
