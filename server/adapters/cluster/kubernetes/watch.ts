// One endless watch: lists, follows from there, resumes where a connection broke, lists again where too much was missed.
import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import type { KubeConfig } from "@kubernetes/client-node";
import { Watch } from "@kubernetes/client-node";
import { codeOf } from "./api.ts";
import { BookmarkObject, WatchError } from "./nodes/read.ts";
import type { Tally } from "./tally.ts";

/** The server ends a watch after this long; a client that hears nothing for longer still gives its connection up. */
const SERVER_ENDS_AFTER_SECONDS = 240;
const DEAF_AFTER_MS = (SERVER_ENDS_AFTER_SECONDS + 30) * 1000;
/** A server that takes the connection and says nothing is given up. */
const OPENS_WITHIN_MS = 15_000;
const LEAST_PAUSE_MS = 250;
const MOST_PAUSE_MS = 5_000;

export interface Followed {
  readonly config: KubeConfig;
  readonly path: string;
  /** beside what every watch asks */
  readonly query?: Readonly<Record<string, string>>;
  /** @returns the resourceVersion to follow from */
  list(): Promise<string>;
  onObject(type: "ADDED" | "MODIFIED" | "DELETED", object: unknown): void;
  onTrouble(error: unknown): void;
  readonly tally?: Tally | undefined;
  readonly opensWithinMs?: number;
  /** The server answers again after a time in which it did not. */
  onBack?(): void;
}

/** Follows until the signal fires. It never throws. */
export async function follow(followed: Followed, signal: AbortSignal): Promise<void> {
  let from: string | null = null;
  let pauseMs = LEAST_PAUSE_MS;
  let away = false;
  const name = followed.path.split("/").at(-1) ?? "";
  const onOpen = () => {
    if (away) followed.onBack?.();
    away = false;
  };
  while (!signal.aborted) {
    try {
      if (from === null) {
        from = await followed.list();
        followed.tally?.watchListed(name);
      }
      const end = await watchOnce(followed, from, onOpen, signal);
      away ||= !end.opened;
      if (end.heard) pauseMs = LEAST_PAUSE_MS;
      from = end.expired ? null : end.from;
      if (end.error && !end.expired && !signal.aborted) {
        followed.tally?.watchBroke(name);
        followed.onTrouble(end.error);
      }
      if (!end.error) continue;
    } catch (error) {
      away = true;
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
  /** the server let us watch, however it ended */
  readonly opened: boolean;
  readonly error: unknown;
}

function watchOnce(
  { config, path, query, onObject, opensWithinMs = OPENS_WITHIN_MS }: Followed,
  start: string,
  onOpen: () => void,
  signal: AbortSignal,
): Promise<End> {
  return new Promise((resolve) => {
    let from = start;
    let heard = false;
    let expired = false;
    let opened = false;
    let ended = false;
    let connection: AbortController | null = null;
    const { own, cut } = cuttable(config);
    const hangUp = () => {
      if (connection) return connection.abort();
      cut(); // the client hands out nothing to abort before there is an answer
      finish(new Error("the watch was not answered"));
    };
    let deaf = setTimeout(hangUp, opensWithinMs);
    const finish = (error: unknown) => {
      clearTimeout(deaf);
      signal.removeEventListener("abort", hangUp);
      ended = true;
      resolve({ from, expired: expired || statusOf(error) === 410, heard, opened, error });
    };
    signal.addEventListener("abort", hangUp, { once: true });
    const hear = () => {
      clearTimeout(deaf);
      if (!ended) deaf = setTimeout(hangUp, DEAF_AFTER_MS);
    };
    const onEvent = (type: string, object: unknown) => {
      hear();
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
    new Watch(own).watch(path, asked, onEvent, finish).then(
      (controller) => {
        connection = controller;
        opened = !ended;
        if (opened) onOpen();
        hear();
        if (ended || signal.aborted) controller.abort();
      },
      (error: unknown) => finish(error ?? new Error("the watch could not be opened")),
    );
  });
}

/** The same cluster and user, and the means to cut what was connected for them. */
function cuttable(config: KubeConfig): { readonly own: KubeConfig; cut(): void } {
  let agent: unknown;
  const own: KubeConfig = Object.create(config);
  own.applyToFetchOptions = async (options) => {
    const init = await config.applyToFetchOptions(options);
    agent = init.agent;
    return init;
  };
  return { own, cut: () => void (agent instanceof Agent && agent.destroy()) };
}

function statusOf(error: unknown): number | null {
  if (typeof error === "object" && error !== null && "statusCode" in error && typeof error.statusCode === "number")
    return error.statusCode;
  return codeOf(error);
}
