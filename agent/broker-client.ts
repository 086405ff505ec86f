// Requests to the broker: plain enrolment, and signed heartbeats. Every failure is one BrokerError with what to do next.
import { createHash } from "node:crypto";
import { z } from "zod";
import type { ExecutionId, ProviderId } from "../domain/ids.ts";
import {
  type AgentDrain,
  type Enrol,
  type Heartbeat,
  HeartbeatAnswer,
  type LogReport,
  SIGNATURE_HEADERS,
  signedText,
} from "../protocol/agent.ts";
import { ResultsAnswer, type ResultsReport } from "../protocol/results.ts";
import { type Identity, parseEnrolment } from "./identity.ts";
import { type Backoff, backoffMs } from "./pace.ts";

/** Room for the inputs of all batch executions that a large machine can be told to begin at once. */
const MAX_ANSWER_BYTES = 64 << 20;
/** Over the wait that was asked for: then the broker counts as gone. */
const MARGIN_MS = 10_000;
/** A later broker may say more than this agent understands. */
const Answer = z.object(HeartbeatAnswer.shape);
const Drained = z.object({ draining: z.boolean(), live_executions: z.int().min(0) });
const Logged = z.object({ next_offset: z.int().min(0) });
const Delivered = z.object({ results: z.array(z.object(ResultsAnswer.shape.results.element.shape)) });
const Problem = z.object({ code: z.string(), detail: z.string().optional() });

export class BrokerError extends Error {
  /**
   * @param status HTTP status; undefined where no whole answer came
   * @param retryAfterMs what the broker asked for
   */
  constructor(
    message: string,
    readonly status: number | undefined,
    readonly retryAfterMs: number | undefined,
    cause?: unknown,
    /** Problem code of the refusal, where the answer is one. */
    readonly code?: string,
  ) {
    super(message, { cause });
    this.name = "BrokerError";
  }
  /** The broker understood and refused: saying the same again at once will not help. */
  get refused(): boolean {
    return this.status !== undefined && this.status >= 400 && this.status < 500 && this.status !== 429;
  }
}

/**
 * How long to wait after a call that failed: the backoff with its jitter, or as long as the broker asked, within bounds.
 * @param failures in a row before this one
 */
export function retryDelayMs(
  error: unknown,
  backoff: Backoff,
  failures: number,
  { leastMs, mostMs }: { readonly leastMs: number; readonly mostMs: number },
): number {
  const asked = error instanceof BrokerError ? (error.retryAfterMs ?? 0) : 0;
  return Math.min(mostMs, Math.max(leastMs, asked, backoffMs(backoff, failures, Math.random())));
}

export interface BrokerClient {
  enrol(body: z.infer<typeof Enrol>): Promise<ProviderId>;
  /** @param waitSeconds how long the broker may hold the answer back */
  beat(providerId: ProviderId, beat: Heartbeat, waitSeconds: number, signal: AbortSignal): Promise<HeartbeatAnswer>;
  /** @returns where the next part goes on */
  reportLogs(providerId: ProviderId, id: ExecutionId, part: LogReport, signal: AbortSignal): Promise<number>;
  /** @returns one answer a result, as far as the broker gave one */
  reportResults(providerId: ProviderId, report: ResultsReport, signal: AbortSignal): Promise<ResultsAnswer>;
  drain(providerId: ProviderId, wish: z.infer<typeof AgentDrain>): Promise<z.infer<typeof Drained>>;
}

export function createBrokerClient(
  broker: string,
  identity: Identity,
  now: () => Date = () => new Date(),
  marginMs = MARGIN_MS,
): BrokerClient {
  async function post(path: string, body: string, headers: Record<string, string>, signal: AbortSignal) {
    let response: Response;
    let text: string;
    try {
      response = await fetch(new URL(path, broker), {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body,
        redirect: "error",
        signal,
      });
      text = await readCapped(response);
    } catch (error) {
      throw new BrokerError(`no answer from ${broker}: ${reasonOf(error)}`, undefined, undefined, error);
    }
    if (!response.ok) {
      const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
      const retryAfterMs = Number.isFinite(retryAfter) ? retryAfter * 1000 : undefined;
      const problem = problemOf(text);
      const said = problem ? `${problem.code}: ${problem.detail ?? ""}` : oneLine(text.slice(0, 1000));
      const message = `the broker answered ${response.status}: ${said.slice(0, 300)}`;
      throw new BrokerError(message, response.status, retryAfterMs, undefined, problem?.code);
    }
    return text;
  }

  function postSigned(path: string, message: { readonly seq: number }, signal: AbortSignal): Promise<string> {
    const body = JSON.stringify(message);
    const time = now().toISOString();
    const bodyHash = createHash("sha256").update(body).digest("hex");
    const headers = {
      [SIGNATURE_HEADERS.time]: time,
      [SIGNATURE_HEADERS.sequence]: String(message.seq),
      [SIGNATURE_HEADERS.signature]: identity.sign(signedText("POST", path, time, message.seq, bodyHash)),
    };
    return post(path, body, headers, signal);
  }

  return {
    async enrol(body) {
      const text = await post("/api/v1/providers", JSON.stringify(body), {}, AbortSignal.timeout(30_000));
      return understand(text, parseEnrolment);
    },
    async beat(providerId, beat, waitSeconds, signal) {
      const path = `/api/v1/providers/${providerId}/heartbeat?wait=${waitSeconds}`;
      const patience = AbortSignal.timeout(waitSeconds * 1000 + marginMs);
      const text = await postSigned(path, beat, AbortSignal.any([signal, patience]));
      return understand(text, (answer) => Answer.parse(answer));
    },
    async reportLogs(providerId, id, part, signal) {
      const path = `/api/v1/providers/${providerId}/executions/${id}/logs`;
      const text = await postSigned(path, part, AbortSignal.any([signal, AbortSignal.timeout(30_000)]));
      return understand(text, (answer) => Logged.parse(answer).next_offset);
    },
    async reportResults(providerId, report, signal) {
      const path = `/api/v1/providers/${providerId}/results`;
      const text = await postSigned(path, report, AbortSignal.any([signal, AbortSignal.timeout(30_000)]));
      return understand(text, (answer) => Delivered.parse(answer));
    },
    async drain(providerId, wish) {
      const path = `/api/v1/providers/${providerId}/agent-drain`;
      const text = await postSigned(path, wish, AbortSignal.timeout(30_000));
      return understand(text, (answer) => Drained.parse(answer));
    },
  };
}

function problemOf(text: string): z.infer<typeof Problem> | undefined {
  try {
    return Problem.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim();
}

function understand<T>(text: string, parse: (answer: unknown) => T): T {
  try {
    return parse(JSON.parse(text));
  } catch (error) {
    throw new BrokerError(
      `the broker's answer is not understood: ${oneLine(text.slice(0, 200)).slice(0, 120)}`,
      undefined,
      undefined,
      error,
    );
  }
}

async function readCapped(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const part = await reader?.read();
    if (!part || part.done) break;
    size += part.value.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new Error("the answer is too large");
    chunks.push(part.value);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** fetch hides why behind "fetch failed". */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message || String(error.cause) : error.message;
}
