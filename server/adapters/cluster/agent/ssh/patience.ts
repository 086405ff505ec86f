// Waiting for no longer than is sensible.

/** @throws Error that says what did not come in time; whatever comes of the work then is nobody's */
export function inTime<T>(work: Promise<T>, timeoutMs: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(what)), timeoutMs);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
