// WebSockets and long answers of the API server: opened in time or given up, with the refusal said in our words.
import { type IncomingMessage, request as overHttp, type RequestOptions } from "node:http";
import { request as overHttps } from "node:https";
import { text } from "node:stream/consumers";
import type { KubeConfig } from "@kubernetes/client-node";
import { WebSocket } from "ws";
import { AppError } from "../../../../../domain/errors.ts";

const TIMEOUT_MS = 10_000;
/** Idle connections are closed by what stands between, and a peer that vanished is noticed by nobody who is silent. */
const ALIVE_EVERY_MS = 30_000;
/** Every one of them numbers its channels; only the first knows of their ends, and we do not rely on it. */
const PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
/** What a node or the API server says of a pod that does not run: with 400, 404 or 500, as the case may be. */
const DOES_NOT_RUN =
  /not found|completed pod|not running|does not have a host|waiting to start|is terminated|ContainerCreating|not created/i;

/** @throws AppError `conflict`, `unavailable`; the signal's reason */
export async function dial(config: KubeConfig, path: string, signal: AbortSignal): Promise<WebSocket> {
  const { url, options } = await target(config, path);
  signal.throwIfAborted();
  const socket = new WebSocket(url.replace(/^http/, "ws"), PROTOCOLS, {
    ...options,
    handshakeTimeout: TIMEOUT_MS,
    perMessageDeflate: false,
  });
  socket.binaryType = "nodebuffer";
  return new Promise((resolve, reject) => {
    const abort = () => fail(signal.reason);
    const fail = (error: unknown) => {
      signal.removeEventListener("abort", abort);
      reject(error);
      socket.terminate();
    };
    // It stays: a socket without it would end the process with a late error. Those who use it hear of its close.
    socket.on("error", (error) => fail(away(error)));
    socket.once("unexpected-response", (_request, response: IncomingMessage) => void refused(response).then(fail));
    socket.once("open", () => {
      signal.removeEventListener("abort", abort);
      // What comes before the caller listens would be lost.
      socket.pause();
      keepAlive(socket);
      resolve(socket);
    });
    signal.addEventListener("abort", abort);
  });
}

function keepAlive(socket: WebSocket): void {
  const beat = setInterval(() => socket.ping(undefined, undefined, () => {}), ALIVE_EVERY_MS);
  beat.unref();
  socket.once("close", () => clearInterval(beat));
}

/** A long answer. @throws AppError `conflict`, `unavailable`; the signal's reason */
export async function fetchLong(config: KubeConfig, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  const { url, options } = await target(config, path);
  signal.throwIfAborted();
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = (url.startsWith("https:") ? overHttps : overHttp)(url, { ...options, signal });
    const late = setTimeout(() => request.destroy(new Error("no answer in time")), TIMEOUT_MS);
    request.once("response", (answer) => {
      clearTimeout(late);
      answer.socket.setKeepAlive(true, ALIVE_EVERY_MS);
      resolve(answer);
    });
    // It stays: an abort comes as an error here too, after the answer did.
    request.on("error", (error) => {
      clearTimeout(late);
      reject(signal.aborted ? signal.reason : away(error));
    });
    request.end();
  });
  if (response.statusCode === 200) return response;
  throw await refused(response);
}

async function target(config: KubeConfig, path: string): Promise<{ url: string; options: RequestOptions }> {
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  return { url: `${config.getCurrentCluster()?.server ?? ""}${path}`, options };
}

async function refused(response: IncomingMessage): Promise<AppError> {
  const said = await text(response).catch(() => "");
  const cause = new Error(`the API server answers ${response.statusCode}: ${said.slice(0, 1000)}`);
  return DOES_NOT_RUN.test(said) || response.statusCode === 404 ? notRunning(cause) : away(cause);
}

export function notRunning(cause: unknown): AppError {
  return new AppError("conflict", "It does not run, or not any more.", { cause });
}

export function away(cause: unknown): AppError {
  return new AppError("unavailable", "It cannot be reached at the moment.", { cause });
}
