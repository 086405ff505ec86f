// What the command line says when it cannot go on: what happened, and what to do about it.

/** 0 done; 1 the job did not end well; 255 everything else, so that scripts can tell a bad job from a bad line. */
export const EXIT = { done: 0, jobFailed: 1, interrupted: 130, error: 255 } as const;

interface More {
  /** a line each, such as a field and what is wrong with it */
  readonly details?: readonly string[];
  /** what to do: a command, or what to change */
  readonly remedy?: string;
  readonly exitCode?: number;
}

/** A refusal of our own; the message is whole sentences. */
export class CliError extends Error {
  readonly details: readonly string[];
  readonly remedy: string | null;
  readonly exitCode: number;

  constructor(message: string, { details = [], remedy, exitCode = EXIT.error }: More = {}) {
    super(message);
    this.name = "CliError";
    this.details = details;
    this.remedy = remedy ?? null;
    this.exitCode = exitCode;
  }
}
