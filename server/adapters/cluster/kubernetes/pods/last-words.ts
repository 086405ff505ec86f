// What a pod wrote goes with it: its end is read while it is there.
import type { KubeConfig } from "@kubernetes/client-node";
import { isAppError } from "../../../../../domain/errors.ts";
import { LOG_TAIL_BYTES } from "../../../../../domain/execution/spec.ts";
import type { ExecutionId } from "../../../../../domain/ids.ts";
import type { Log } from "../../../../deps.ts";
import { fetchLong } from "../inside/dial.ts";
import { CONTAINER, namespaceOf, podName } from "./names.ts";

/** A node that does not answer keeps nothing else waiting. */
const WITHIN_MS = 2_000;
/** The API tells the last lines, but not the last bytes: about as many as fill what is kept. */
const LINES = 5_000;
const LOWEST_CONTINUATION = 0x80;
const HIGHEST_CONTINUATION = 0xbf;

/** @returns at most LOG_TAIL_BYTES of UTF-8; "" where it cannot be read whole */
export async function lastWordsOf(config: KubeConfig, id: ExecutionId, tenant: string, log: Log): Promise<string> {
  const query = `container=${CONTAINER}&tailLines=${LINES}`;
  const path = `/api/v1/namespaces/${encodeURIComponent(namespaceOf(tenant))}/pods/${podName(id)}/log?${query}`;
  const signal = AbortSignal.timeout(WITHIN_MS);
  try {
    let kept: Buffer = Buffer.alloc(0);
    for await (const part of await fetchLong(config, path, signal))
      kept = endOf(Buffer.concat([kept, Buffer.from(part)]), LOG_TAIL_BYTES);
    return kept.toString();
  } catch (err) {
    const nothing = isAppError(err) && err.code === "conflict";
    if (!nothing) log.warn({ err, execution: id }, "what a pod wrote could not be read before it goes");
    return "";
  }
}

/** The last bytes, beginning with a whole character. */
export function endOf(bytes: Buffer, most: number): Buffer {
  let from = Math.max(0, bytes.length - most);
  if (from > 0) while (isContinuation(bytes[from])) from++;
  return bytes.subarray(from);
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && byte >= LOWEST_CONTINUATION && byte <= HIGHEST_CONTINUATION;
}
