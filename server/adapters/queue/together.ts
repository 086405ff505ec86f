// Twins that are sent at once go together: one is on its way at a time.

/**
 * Calls of one key that come while another is on its way are one call after it. They cannot go with it: whom it wakes may
 * have looked before what they were sent for was written.
 * @returns sends; it ends as the call does that was begun after it was asked for
 */
export function together(): (key: string, send: () => Promise<void>) => Promise<void> {
  const onTheirWay = new Map<string, { readonly now: Promise<void>; next: Promise<void> | null }>();

  function begin(key: string, send: () => Promise<void>): Promise<void> {
    const now = send().finally(() => {
      if (!way.next) onTheirWay.delete(key);
    });
    const way: { readonly now: Promise<void>; next: Promise<void> | null } = { now, next: null };
    onTheirWay.set(key, way);
    return now;
  }

  return (key, send) => {
    const before = onTheirWay.get(key);
    if (!before) return begin(key, send);
    before.next ??= before.now.catch(() => {}).then(() => begin(key, send));
    return before.next;
  };
}
