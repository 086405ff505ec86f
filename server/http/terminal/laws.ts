// The bounds of terminals; a test has its own.
import { KEPT_OUTPUT_BYTES } from "../../../protocol/terminal.ts";

export interface TerminalLaws {
  readonly pingMs: number;
  /** without input, until it ends */
  readonly idleMs: number;
  /** how long before that a warning comes */
  readonly warnMs: number;
  /** how long a shell stays without its browser */
  readonly heldMs: number;
  /** how often the login and the job are asked for */
  readonly checkMs: number;
  readonly perAccount: number;
  readonly perProcess: number;
  readonly keptBytes: number;
}

export const TERMINAL_LAWS: TerminalLaws = {
  pingMs: 20_000,
  idleMs: 30 * 60_000,
  warnMs: 60_000,
  heldMs: 60_000,
  checkMs: 15_000,
  perAccount: 8,
  perProcess: 256,
  keptBytes: KEPT_OUTPUT_BYTES,
};
