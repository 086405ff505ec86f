// One endless watch: lists, follows from there, resumes where a connection broke, lists again where too much was missed.
import { setTimeout as delay } from "node:timers/promises";
import type { KubeConfig } from "@kubernetes/client-node";
import { Watch } from "@kubernetes/client-node";
import { codeOf } from "./api.ts";
import { BookmarkObject, WatchError } from "./nodes/read.ts";

/** The server ends a watch after this long; a client that hears nothing for longer still gives its connection up. */
const SERVER_ENDS_AFTER_SECONDS = 240;
const DEAF_AFTER_MS = (SERVER_ENDS_AFTER_SECONDS + 30) * 1000;
const LEAST_PAUSE_MS = 250;
const MOST_PAUSE_MS = 10_000;

export interface Followed {
  readonly config: KubeConfig;
  readonly path: string;
  /** beside what every watch asks */
  readonly query?: Readonly<Record<string, string>>;
  /** @returns the resourceVersion to follow from */
  list(): Promise<string>;
  onObject(type: "ADDED" | "MODIFIED" | "DELETED", object: unknown): void;
  onTrouble(error: unknown): void;
}

/** Follows until the signal fires. It never throws. */
export async function follow(followed: Followed, signal: AbortSignal): Promise<void> {
  let from: string | null = null;
  let pauseMs = LEAST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      from ??= await followed.list();
      const end = await watchOnce(followed, from, signal);
      if (end.heard) pauseMs = LEAST_PAUSE_MS;
      from = end.expired ? null : end.from;
      if (end.error && !end.expired && !signal.aborted) followed.onTrouble(end.error);
      if (!end.error) continue;
    } catch (error) {
      followed.onTrouble(error);
    }
    await delay(pauseMs * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => {});
    pauseMs = Math.min(MOST_PAUSE_MS, pauseMs * 2);
  }
}

interface End {
  readonly from: string;
  /** the server has forgotten the version we asked for */
  readonly expired: boolean;
  readonly heard: boolean;
  readonly error: unknown;
}

function watchOnce({ config, path, query, onObject }: Followed, start: string, signal: AbortSignal): Promise<End> {
  return new Promise((resolve) => {
    let from = start;
    let heard = false;
    let expired = false;
    let connection: AbortController | null = null;
    const hangUp = () => connection?.abort();
    let deaf = setTimeout(hangUp, DEAF_AFTER_MS);
    const finish = (error: unknown) => {
      clearTimeout(deaf);
      signal.removeEventListener("abort", hangUp);
      resolve({ from, expired: expired || statusOf(error) === 410, heard, error });
    };
    signal.addEventListener("abort", hangUp, { once: true });
    const onEvent = (type: string, object: unknown) => {
      clearTimeout(deaf);
      deaf = setTimeout(hangUp, DEAF_AFTER_MS);
      if (type === "ERROR") {
        const { code } = WatchError.safeParse(object).data ?? {};
        expired = code === 410 || code === undefined;
        return hangUp();
      }
      const version = BookmarkObject.safeParse(object).data?.metadata.resourceVersion;
      if (version) from = version;
      heard = true;
      if (type === "ADDED" || type === "MODIFIED" || type === "DELETED") onObject(type, object);
    };
    const asked = {
      ...query,
      resourceVersion: start,
      allowWatchBookmarks: true,
      timeoutSeconds: SERVER_ENDS_AFTER_SECONDS,
    };
    new Watch(config).watch(path, asked, onEvent, finish).then(
      (controller) => {
        connection = controller;
        if (signal.aborted) controller.abort();
      },
      (error: unknown) => finish(error ?? new Error("the watch could not be opened")),
    );
  });
}

function statusOf(error: unknown): number | null {
  if (typeof error === "object" && error !== null && "statusCode" in error && typeof error.statusCode === "number")
    return error.statusCode;
  return codeOf(error);
}
