// Errors as people read them: what happened, the fields that are wrong, and what to do.
import { CommanderError } from "commander";
import { ZodError } from "zod";
import type { ProblemCode } from "../domain/errors.ts";
import { ProblemError } from "../protocol/client.ts";
import { CliError, EXIT } from "./errors.ts";
import type { Colours } from "./io.ts";
import { clean } from "./output/words.ts";
import { causeCode } from "./session.ts";

export interface Explained {
  /** first line, then details */
  readonly lines: readonly string[];
  readonly remedy: string | null;
  readonly exitCode: number;
}

const REMEDIES: Partial<Record<ProblemCode, string>> = {
  unauthenticated: "Log in: berth login",
  "bad-signature": "Log in again: berth login",
  "bad-nonce": "Log in again: berth login",
  "missing-scope": "Use a key that has the scope, or log in with a wallet: berth login",
  "insufficient-funds": "Look at what is available: berth billing. Ask for less, or for fewer hours.",
  "no-capacity": "Look at what there is: berth offers. `--dry-run` says what would fit.",
  "price-changed": "Look at the prices: berth offers. Then give a higher --max-price.",
  "idempotency-mismatch": "Use another --idempotency-key for another job.",
  "not-found": "Look at your jobs: berth list",
  "too-many-requests": "Wait a little, then try again.",
  unavailable: "Try again in a moment.",
  internal: "Try again; if it stays, give the request id to the operator of the broker.",
};

const UNREACHABLE: Readonly<Record<string, (broker: string) => string>> = {
  ECONNREFUSED: (broker) => `Nothing answers at ${broker}.`,
  ENOTFOUND: (broker) => `The name in ${broker} is not known.`,
  EAI_AGAIN: (broker) => `The name in ${broker} could not be looked up.`,
  ECONNRESET: (broker) => `${broker} cut the connection.`,
  ETIMEDOUT: (broker) => `${broker} does not answer.`,
  UND_ERR_CONNECT_TIMEOUT: (broker) => `${broker} does not answer.`,
  ERR_SSL_WRONG_VERSION_NUMBER: (broker) => `${broker} speaks no TLS: http:// may be meant.`,
  EHOSTUNREACH: (broker) => `There is no way to ${broker}.`,
  ENETUNREACH: (broker) => `There is no way to ${broker}.`,
};

const WHERE = "Is the broker up, and is the address right? --broker URL or BERTH_URL names another.";

/** @param broker origin that was asked; null where none was yet */
export function explain(error: unknown, broker: string | null): Explained {
  if (error instanceof CliError)
    return { lines: [error.message, ...error.details], remedy: error.remedy, exitCode: error.exitCode };
  if (error instanceof CommanderError)
    return { lines: [], remedy: null, exitCode: error.exitCode === 0 ? 0 : EXIT.error };
  if (error instanceof ProblemError) return explainProblem(error);
  if (error instanceof ZodError)
    return {
      lines: [`The answer of ${broker ?? "the broker"} is not one that this version of berth knows.`, issueLine(error)],
      remedy: "Broker and command line are of different versions: install the one that comes with the broker.",
      exitCode: EXIT.error,
    };
  const code = causeCode(error) ?? "";
  const unreachable = UNREACHABLE[code];
  const at = broker ?? "the broker";
  if (unreachable) return { lines: [unreachable(at)], remedy: WHERE, exitCode: EXIT.error };
  if (error instanceof DOMException && error.name === "TimeoutError")
    return { lines: [`${at} did not answer in time.`], remedy: WHERE, exitCode: EXIT.error };
  if (error instanceof TypeError && error.message === "fetch failed")
    return { lines: [`${at} could not be reached: ${causeMessage(error)}`], remedy: WHERE, exitCode: EXIT.error };
  return { lines: [error instanceof Error ? error.message : String(error)], remedy: null, exitCode: EXIT.error };
}

function explainProblem({ problem, retryAfterSeconds }: ProblemError): Explained {
  // A page that is not there, told by no broker, is no better in a moment.
  const known =
    problem.code === "unavailable" && problem.status < 500
      ? WHERE
      : (Object.entries(REMEDIES).find(([code]) => code === problem.code)?.[1] ?? null);
  const wait = retryAfterSeconds === null ? null : `Try again in ${retryAfterSeconds} s.`;
  return {
    lines: [
      `${problem.title}.`,
      problem.detail,
      ...(problem.fields ?? []).map(({ field, message }) => `${field}: ${message}`),
      ...(problem.status >= 500 && problem.request_id ? [`request id ${problem.request_id}`] : []),
    ].filter((line) => line !== ""),
    remedy: wait ?? known,
    exitCode: EXIT.error,
  };
}

export function renderError({ lines, remedy }: Explained, colours: Colours): string {
  const [first = "", ...rest] = lines.map(clean);
  return [
    `${colours.red("berth:")} ${first}`,
    ...rest.map((line) => `  ${line}`),
    ...(remedy === null ? [] : [`  ${colours.cyan("→")} ${remedy}`]),
  ].join("\n");
}

function issueLine({ issues }: ZodError): string {
  const issue = issues[0];
  return issue ? `${issue.path.join(".") || "answer"}: ${issue.message}` : "";
}

function causeMessage(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}
