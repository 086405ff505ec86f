// How many machines a job goes to and when it is decided, in sentences.
import { type Assurance, type Dispatch, quorumOf } from "../../domain/job/batch.ts";

export interface PanelWish {
  readonly redundancy: number;
  readonly consensus: number;
  readonly assurance: Assurance;
  readonly dispatch: Dispatch;
}

const NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven"];

/** Small counts as words: "two". */
export function inWords(count: number): string {
  return NUMBERS[count] ?? String(count);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What the four settings mean together. */
export function panelSentences(wish: PanelWish): string[] {
  const quorum = quorumOf(wish);
  if (quorum <= 1 && wish.redundancy <= 1)
    return [
      "One machine runs it, and its word is taken: the result is shown as unverified.",
      "One in ten of such results is checked by a second owner later, at our cost.",
    ];
  const first = wish.dispatch === "eager" ? Math.max(wish.redundancy, quorum) : quorum;
  const copies = first === 1 ? "one machine" : `${inWords(first)} machines of different owners`;
  const more =
    wish.dispatch === "eager"
      ? "All of them start at once: quicker where one is slow, and each that agrees is paid."
      : "One more starts only where they disagree, fail or are slow.";
  const accepted =
    quorum <= 1
      ? "The first result is taken, unverified."
      : `It is accepted when ${inWords(quorum)} owners agree, and their history makes a shared mistake unlikely.`;
  return [`${capital(copies)} ${first === 1 ? "runs" : "run"} it first. ${more}`, accepted];
}

export const COMPARATOR_WORDS = {
  exact: "Byte by byte",
  json: "As JSON: the order of keys and spaces do not count",
  numeric: "Numbers within a tolerance, other words exactly",
  files: "Output files only; stdout does not count",
} as const;
