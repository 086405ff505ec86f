// Two agents with one identity: a copied disk, or a key that was stolen. Operators are told, not every 30 seconds.
import type { ProviderId } from "../../../domain/ids.ts";
import type { Deps } from "../../deps.ts";
import { recordEvent } from "../../repos/events.ts";
import { toldSince } from "../../repos/presence.ts";
import { lockProviderRow } from "../../repos/providers.ts";

const TELL_EVERY_MS = 3_600_000;
const CODE = "two-agents";

export async function tellTwoAgents({ db, clock }: Pick<Deps, "db" | "clock">, id: ProviderId): Promise<void> {
  const now = clock.now();
  const since = new Date(now.getTime() - TELL_EVERY_MS);
  if (await toldSince(db, id, CODE, since)) return; // without the lock that rents want
  await db.transaction(async (tx) => {
    const provider = await lockProviderRow(tx, id);
    if (!provider || (await toldSince(tx, id, CODE, since))) return;
    const message = `Two agents beat in turns with the identity of ${provider.name}: its disk was copied, or its key was.`;
    await recordEvent(tx, { subject: id, code: CODE, message, at: now });
  });
}
