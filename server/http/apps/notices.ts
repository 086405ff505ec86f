// Every reason for which a job's host shows our page instead of the job's.
import { type AppError, isAppError } from "../../../domain/errors.ts";
import type { Notice } from "./page.ts";

/** Refusals of ours that say all there is to say. */
type Words = Omit<Notice, "console">;

const say = (status: number, title: string, text: string, again = false): Words => ({ status, title, text, again });

export const NOT_OPEN = say(
  401,
  "This port is its owner's only.",
  "Open it from the page of the rental: the link there is good once, for a minute, and lets this browser in for 12 hours.",
);
export const NO_SUCH_PAGE = say(404, "There is nothing here.", "What begins with /.berth/ is Berth's own.");
export const ELSEWHERE = say(
  403,
  "A page of another origin may not do this here.",
  "Links may lead here. Everything else must come from this very host.",
);
export const NOT_A_PATH = say(400, "The request is not valid.", "Its path must start with a slash.");
export const NOT_A_WEBSOCKET = say(
  400,
  "This is no WebSocket.",
  "Nothing else is upgraded to: send the request plainly.",
);
export const TOO_MANY_OPEN = say(
  503,
  "Too many connections are open to this port.",
  "Close some, then try again.",
  true,
);
export const TOO_SLOW = say(504, "The port answers too slowly.", "It took the request, then said nothing for minutes.");
export const UNREACHED = say(504, "The machine did not answer in time.", "This page tries again by itself.", true);

export function nothingListens(port: number): Words {
  return say(
    502,
    `Nothing listens on 127.0.0.1:${port} yet.`,
    "This page tries again by itself. If nothing is starting, log in by SSH and start what should serve there.",
    true,
  );
}

export const BROKEN_ANSWER = say(
  502,
  "The port gave no answer that could be read.",
  "What listens there closed the connection, or does not speak HTTP.",
);

/** What a use case or the way to the machine refused. */
export function wordsOf(error: AppError): Words {
  if (error.code === "unauthenticated")
    return say(
      401,
      "This link is not good any more.",
      `${error.detail} Open the port again from the page of the rental.`,
    );
  if (error.code === "conflict")
    return say(410, "The rental does not run.", "Its page says how it is, and what happened.");
  if (error.code === "too-many-requests") return say(429, "Too many requests.", error.detail);
  if (error.code === "bad-request") return say(400, "The request is not valid.", error.detail);
  return say(503, "The rental cannot be reached now.", "This page tries again by itself.", true);
}

/** @returns null for what is no refusal of ours */
export function refusalOf(error: unknown): Words | null {
  return isAppError(error) ? wordsOf(error) : null;
}
