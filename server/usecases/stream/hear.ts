// A message counts once: its number is written with the machine's presence, and tells a replay from a message run again.
import { isAppError } from "../../../domain/errors.ts";
import { lastHeard, type StreamMachine } from "../../repos/stream.ts";
import { takeBeat } from "../provider/presence-batch.ts";
import { type Message, notAfter, Refused, type StreamDeps } from "./message.ts";

export interface Sign {
  readonly message: Message<{ provider_id: string }>;
  readonly machine: StreamMachine;
  readonly usage: Readonly<Record<string, unknown>>;
}

/**
 * Takes messages as signs of life. What was taken already, or came before what was taken, is no fault of the machine:
 * workers share the stream, and one that died leaves its messages to the next.
 * @returns by entry: taken, superseded by a newer entry (or taken before), or why it is refused
 */
export async function hear(
  deps: StreamDeps,
  signs: readonly Sign[],
): Promise<Map<string, "taken" | "superseded" | Refused>> {
  const now = deps.clock.now();
  const heard = new Map<string, "taken" | "superseded" | Refused>();
  const stale: Sign[] = [];
  await Promise.all(
    signs.map(async (sign) => {
      const { message, machine, usage } = sign;
      try {
        await takeBeat(deps, {
          providerId: machine.id,
          seq: message.sequence,
          lastSeenAt: earlier(message.sentAt, now),
          report: [],
          reportedGeneration: 0,
          usage: { ...usage, entry: message.entry.id },
          instance: "",
        });
        heard.set(message.entry.id, "taken");
      } catch (error) {
        if (!isAppError(error) || error.code !== "stale-sequence") throw error;
        stale.push(sign);
      }
    }),
  );
  if (stale.length === 0) return heard;
  const last = await lastHeard(
    deps.db,
    stale.map(({ machine }) => machine.id),
  );
  for (const { message, machine } of stale) {
    const { seq = 0, entry = null } = last.get(machine.id) ?? {};
    const to = message.data.provider_id;
    const faster = entry !== null && notAfter(message.entry.id, entry);
    if (faster || message.signature === null) heard.set(message.entry.id, "superseded");
    else if (message.sequence === seq)
      heard.set(message.entry.id, new Refused("replayed", `sequence: ${seq} was taken before`, to));
    else heard.set(message.entry.id, new Refused("out-of-order", `sequence: must be above ${seq}`, to));
  }
  return heard;
}

/** Redis' clock may be ahead of ours; nobody was heard in the future. */
function earlier(a: Date, b: Date): Date {
  return new Date(Math.min(a.getTime(), b.getTime()));
}
