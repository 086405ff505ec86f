// Lists that come in pages: as many rows as were asked for, or every one.
import type { Command } from "commander";
import type { Io } from "./io.ts";
import { wholeNumber } from "./program.ts";

export interface PageFlags {
  readonly limit: number;
  readonly all?: boolean;
}

const MOST_A_PAGE = 100;

export function withPageFlags(command: Command, limit: number): Command {
  return command
    .option("--limit <n>", "how many at most", wholeNumber, limit)
    .option("--all", "every one of them, page by page");
}

interface Page {
  readonly next_cursor: string | null;
}

/** @returns the rows of all pages, and the last page as it came */
export async function readPages<P extends Page, R>(
  { limit, all = false }: PageFlags,
  ask: (page: { readonly limit: string; readonly cursor?: string }) => Promise<P>,
  rowsOf: (page: P) => readonly R[],
): Promise<{ readonly rows: readonly R[]; readonly last: P }> {
  const rows: R[] = [];
  let cursor: string | null = null;
  for (;;) {
    const left = all ? MOST_A_PAGE : Math.max(1, Math.min(MOST_A_PAGE, limit - rows.length));
    const last: P = await ask({ limit: String(left), ...(cursor === null ? {} : { cursor }) });
    rows.push(...rowsOf(last));
    cursor = last.next_cursor;
    if (cursor === null || (!all && rows.length >= limit)) return { rows, last };
  }
}

export function tellOfMore(io: Io, { next_cursor }: Page): void {
  if (next_cursor !== null) io.tell("There are more; --all shows them.");
}
