// A broker to talk to: which one is meant, with whose login, and how requests travel.
import { type BerthClient, berthClient, ProblemError } from "../protocol/client.ts";
import { type Config, readConfig } from "./config.ts";
import { CliError } from "./errors.ts";
import type { Io } from "./io.ts";

export interface CommonFlags {
  readonly broker?: string;
  readonly output?: string;
}

export interface Session {
  readonly io: Io;
  /** origin */
  readonly broker: string;
  readonly token: string | null;
  readonly config: Config;
  readonly client: BerthClient;
  readonly fetch: typeof fetch;
}

export const DEFAULT_BROKER = "http://127.0.0.1:8080";
/** A broker that does not answer within this is told as such; a stream has no such limit. */
const ANSWER_MS = 60_000;

/** @throws CliError where the login has ended */
export async function openSession(io: Io, flags: CommonFlags): Promise<Session> {
  const config = await readConfig(io);
  const broker = brokerOf(flags, io.env, config);
  return sessionAt(io, config, broker, tokenFor(io, config, broker));
}

export function sessionAt(io: Io, config: Config, broker: string, token: string | null): Session {
  const patient = patientFetch(io);
  const client = berthClient({ baseUrl: broker, fetch: patient, ...(token === null ? {} : { token }) });
  return { io, broker, token, config, client, fetch: patient };
}

/** The flag, BERTH_URL, the broker of the last login, or a demo on this machine. */
export function brokerOf(flags: CommonFlags, env: Io["env"], config: Pick<Config, "current">): string {
  return originOf(flags.broker ?? (env.BERTH_URL || undefined) ?? config.current ?? DEFAULT_BROKER);
}

/** Without a scheme it is https, on this machine http. @throws CliError where it is no address of a broker */
export function originOf(text: string): string {
  const local = /^(localhost|127\.|\[::1\])/.test(text);
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `${local ? "http" : "https"}://${text}`;
  const url = URL.canParse(full) ? new URL(full) : null;
  const plain = url && (url.protocol === "http:" || url.protocol === "https:") && url.pathname === "/";
  if (!plain || url.search || url.hash || url.username || url.password)
    throw new CliError(`'${text}' is no address of a broker.`, {
      remedy: "Give its origin, such as https://berth.example",
    });
  return url.origin;
}

function tokenFor(io: Io, config: Config, broker: string): string | null {
  if (io.env.BERTH_TOKEN) {
    if (/^[\x21-\x7e]+$/.test(io.env.BERTH_TOKEN)) return io.env.BERTH_TOKEN;
    throw new CliError("BERTH_TOKEN is no token: it has spaces, line breaks or letters that none has."); // never shown
  }
  const login = config.brokers[broker];
  if (!login) return null;
  if (login.expires_at !== null && Date.parse(login.expires_at) <= io.now().getTime())
    throw new CliError(`Your login at ${broker} has ended.`, {
      remedy: `Log in again: berth login --broker ${broker}`,
    });
  return login.token;
}

const AGAIN = new Set([502, 503, 504]);
const TRIES = 3;

/**
 * Asks again where that cannot do anything twice: reads, and what carries an idempotency key. A broker that is not there
 * at all is told at once.
 */
export function patientFetch(io: Pick<Io, "signal">, pauseMs = 400): typeof fetch {
  return async (input, init) => {
    const safe = (init?.method ?? "GET") === "GET" || new Headers(init?.headers).has("idempotency-key");
    const streams = new Headers(init?.headers).get("accept") === "text/event-stream";
    const signals = [io.signal, init?.signal, streams ? null : AbortSignal.timeout(ANSWER_MS)];
    const signal = AbortSignal.any(signals.filter((one) => one instanceof AbortSignal));
    for (let attempt = 1; ; attempt += 1) {
      const last = !safe || attempt === TRIES;
      try {
        const response = await fetch(input, { ...init, signal });
        const waitMs = againAfterMs(response, pauseMs * attempt);
        if (last || waitMs === null) return response;
        await response.body?.cancel();
        await pause(waitMs, signal);
      } catch (error) {
        if (last || signal.aborted || causeCode(error) !== "ECONNRESET") throw error;
        await pause(pauseMs * attempt, signal);
      }
    }
  };
}

/** null: not to be asked again, or only after longer than anybody would sit and wait. */
function againAfterMs(response: Response, pauseMs: number): number | null {
  const asked = Number(response.headers.get("retry-after") ?? Number.NaN) * 1000;
  if (response.status === 429) return Number.isFinite(asked) && asked <= 10_000 ? asked : null;
  return AGAIN.has(response.status) ? pauseMs : null;
}

export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal.addEventListener("abort", abort, { once: true });
  });
}

/** The system's code beneath a failed fetch, such as ECONNREFUSED. */
export function causeCode(error: unknown): string | null {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if (at instanceof AggregateError && at.errors.length > 0) return causeCode(at.errors[0]);
    if ("code" in at && typeof at.code === "string") return at.code;
  }
  return null;
}

const AWAY_MS = 120_000;

/** A broker that restarts is waited for, one that stays away is told: by the clock, however long each look hangs. */
export function absence() {
  let since: number | null = null;
  return {
    /** before each look: it may be gone since then */
    looks: () => {
      since ??= performance.now();
    },
    answered: () => {
      since = null;
    },
    isLong: () => since !== null && performance.now() - since > AWAY_MS,
  };
}

/** Whether the same request may succeed a little later: for those who wait anyway. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ProblemError) return error.problem.retry || error.problem.status >= 500;
  return error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError");
}
