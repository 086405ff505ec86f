// What a process was started with, where Next's own copy of this code finds it as well.
import type { Deps } from "./deps.ts";
import type { Dispatch } from "./http/dispatch.ts";

/** Each on a symbol of its own: pages read only `deps`. */
const KEYS = { deps: Symbol.for("berth.deps"), dispatch: Symbol.for("berth.dispatch") } as const;

interface Published {
  readonly deps: Deps;
  readonly dispatch: Dispatch;
}

export function publish(published: Published): void {
  Reflect.set(globalThis, KEYS.deps, published.deps);
  Reflect.set(globalThis, KEYS.dispatch, published.dispatch);
}

/** @returns null in a server that `web/main.ts` did not start */
export function publishedDispatch(): Dispatch | null {
  const found: unknown = Reflect.get(globalThis, KEYS.dispatch);
  return found ? (found as Dispatch) : null; // `publish` is the one writer of this symbol
}
