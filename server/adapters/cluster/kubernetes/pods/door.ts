// Whether SSH answers where customers dial. Asked beside the reconciles, so that an address that is dead holds none up.
import { Resolver } from "node:dns/promises";
import { connect, isIP } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { ExecutionId } from "../../../../../domain/ids.ts";

/** A server of SSH says this before anything is said to it. RFC 4253, 4.2 */
const BANNER = "SSH-2.0-";
const ATTEMPT_MS = 1_000;
const PAUSE_MS = 50;
/** How long a look goes on asking in the background; the next look begins again. */
const ROUND_MS = 5_000;
/** A node forwards to a pod a moment after it is ready: worth a wait, once, by a few. */
const FIRST_WAIT_MS = 2_000;
const MOST_WAITING = 8;

export type Ask = (host: string, port: number) => Promise<boolean>;

/** Asks once. It never throws. */
export async function sshAnswers(host: string, port: number): Promise<boolean> {
  const address = await addressOf(host);
  return address !== null && speaksSsh(address, port);
}

/** Asked of the name server as customers ask: the system's own way holds a thread of few for as long as that is silent. */
async function addressOf(host: string): Promise<string | null> {
  if (isIP(host) !== 0) return host;
  if (host === "localhost") return "127.0.0.1";
  const names = new Resolver({ timeout: ATTEMPT_MS, tries: 1 });
  const [four] = await names.resolve4(host).catch(() => []);
  const [six] = four ? [] : await names.resolve6(host).catch(() => []);
  return four ?? six ?? null;
}

function speaksSsh(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    let heard = "";
    const finish = (answers: boolean) => {
      socket.destroy();
      resolve(answers);
    };
    socket.setEncoding("latin1");
    socket.on("data", (text) => {
      heard += text;
      if (heard.length >= BANNER.length) finish(heard.startsWith(BANNER));
    });
    socket.on("error", () => finish(false));
    socket.on("close", () => finish(false));
    AbortSignal.timeout(ATTEMPT_MS).addEventListener("abort", () => finish(false), { once: true });
  });
}

interface Door {
  answered: boolean;
  round: Promise<void> | null;
}

/** What this process knows of doors: one that answered once is not asked again. */
export function knownDoors(ask: Ask = sshAnswers) {
  const known = new Map<ExecutionId, Door>();
  let waiting = 0;

  async function round(door: Door, host: string, port: number): Promise<void> {
    for (const end = performance.now() + ROUND_MS; !door.answered && performance.now() < end; ) {
      door.answered = await ask(host, port);
      if (!door.answered) await delay(PAUSE_MS);
    }
    door.round = null;
  }

  return {
    /** Whether it answered by now. The first to ask waits a moment for it, unless many wait already. */
    async answers(id: ExecutionId, { host, port }: { readonly host: string; readonly port: number }): Promise<boolean> {
      const first = !known.has(id);
      const door = known.get(id) ?? { answered: false, round: null };
      known.set(id, door);
      if (door.answered) return true;
      door.round ??= round(door, host, port);
      if (first && waiting < MOST_WAITING) {
        waiting += 1;
        const enough = new AbortController();
        await Promise.race([door.round, delay(FIRST_WAIT_MS, undefined, { signal: enough.signal })]).catch(() => {});
        enough.abort();
        waiting -= 1;
      }
      return door.answered;
    },
    forgetAllBut(ids: ReadonlySet<ExecutionId>): void {
      for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
    },
  };
}
