// A list whose place comes from an address: people keep addresses, and cut them, longer than lists keep their shape.
import { isAppError } from "../domain/errors.ts";
import { Cursor } from "../protocol/fields.ts";

/**
 * The list at a cursor; from its beginning where the cursor is none of this list.
 * @returns what was read, and whether that is its first page
 */
export async function listAt<T extends object>(
  given: string | undefined,
  read: (cursor: string | undefined) => Promise<T>,
): Promise<T & { readonly onFirst: boolean }> {
  const cursor = Cursor.safeParse(given).data;
  if (cursor !== undefined) {
    const page = await read(cursor).catch((error: unknown) => {
      if (!isAboutCursor(error)) throw error;
      return null;
    });
    if (page !== null) return { ...page, onFirst: false };
  }
  return { ...(await read(undefined)), onFirst: true };
}

function isAboutCursor(error: unknown): boolean {
  return isAppError(error) && (error.extras.fields ?? []).some(({ field }) => field === "cursor");
}
