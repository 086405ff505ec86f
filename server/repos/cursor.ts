// Cursors: opaque to clients, the name of their list and the last key of the page inside.
import { AppError } from "../../domain/errors.ts";
import { type Id, type IdPrefix, isId } from "../../domain/ids.ts";

export interface PageOf<R> {
  readonly shown: R[];
  readonly count: number;
  readonly next_cursor: string | null;
}

/** The cursors of one list. */
export interface Cursors<K extends string> {
  /**
   * @returns null for the first page
   * @throws AppError `bad-request` where it is not a cursor of this list
   */
  open(cursor: string | undefined): K | null;
  /** @param rows one more than `limit` where there are more */
  page<R>(rows: readonly R[], limit: number, keyOf: (row: R) => string): PageOf<R>;
}

/** @param list its name is in every cursor: a place in one list must not be read as one in another */
export function cursorsOf<K extends string>(list: string, isKey: (text: string) => text is K): Cursors<K> {
  return {
    open: (cursor) => {
      if (cursor === undefined) return null;
      const [, of, key = ""] = /^([^ ]*) (.*)$/s.exec(Buffer.from(cursor, "base64url").toString("utf8")) ?? [];
      if (of !== list || !isKey(key))
        throw new AppError("bad-request", "The cursor is not one of this list.", {
          fields: [{ field: "cursor", message: "a next_cursor from an earlier reply" }],
        });
      return key;
    },
    page: (rows, limit, keyOf) => {
      const shown = rows.slice(0, limit);
      const last = shown.at(-1);
      const sealed = (key: string) => Buffer.from(`${list} ${key}`, "utf8").toString("base64url");
      const next = rows.length > limit && last !== undefined ? sealed(keyOf(last)) : null;
      return { shown, count: shown.length, next_cursor: next };
    },
  };
}

/** For lists whose key is an id. */
export function idCursors<P extends IdPrefix>(list: string, prefix: P): Cursors<Id<P>> {
  return cursorsOf(list, (text): text is Id<P> => isId(prefix, text));
}

export interface NumberCursors {
  open(cursor: string | undefined): number | null;
  page<R>(rows: readonly R[], limit: number, keyOf: (row: R) => number): PageOf<R>;
}

/** For lists whose key is a row number. */
export function numberCursors(list: string): NumberCursors {
  const { open, page } = cursorsOf(list, (text): text is `${number}` => /^\d{1,15}$/.test(text));
  return {
    open: (cursor) => {
      const key = open(cursor);
      return key === null ? null : Number(key);
    },
    page: (rows, limit, keyOf) => page(rows, limit, (row) => String(keyOf(row))),
  };
}
