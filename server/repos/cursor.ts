// Cursors: opaque to clients, the last key of the page inside.
import { AppError } from "../../domain/errors.ts";

export function sealCursor(key: string): string {
  return Buffer.from(key, "utf8").toString("base64url");
}

/** @throws AppError `bad-request` where it is not a cursor of this list */
export function openCursor<T extends string>(cursor: string | undefined, isKey: (text: string) => text is T): T | null {
  if (cursor === undefined) return null;
  const key = Buffer.from(cursor, "base64url").toString("utf8");
  if (!isKey(key))
    throw new AppError("bad-request", "The cursor is not one of this list.", {
      fields: [{ field: "cursor", message: "a next_cursor from an earlier reply" }],
    });
  return key;
}

/** For lists whose key is a row number. */
export function openNumberCursor(cursor: string | undefined): number | null {
  const key = openCursor(cursor, (text): text is `${number}` => /^\d{1,15}$/.test(text));
  return key === null ? null : Number(key);
}
