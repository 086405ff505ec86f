// The keys of machines, kept: a key stays with the provider that enrolled it, so a beat need not ask for it again.
import { createPublicKey, type KeyObject } from "node:crypto";
import type { ProviderId } from "../../domain/ids.ts";
import type { Db } from "../deps.ts";
import { providerKey } from "../repos/providers.ts";

/** The one that came first goes when there are too many. */
const MOST_KEPT = 50_000;

/** @returns null where no machine was ever enrolled by this id; whether it still may speak is not the key's to say */
export type AgentKeys = (id: ProviderId) => Promise<KeyObject | null>;

export function createAgentKeys(db: Db): AgentKeys {
  const kept = new Map<ProviderId, KeyObject>();
  return async (id) => {
    const known = kept.get(id);
    if (known) return known;
    const provider = await providerKey(db, id);
    if (!provider) return null;
    const key = createPublicKey({ key: Buffer.from(provider.publicKey, "base64"), format: "der", type: "spki" });
    if (key.asymmetricKeyType !== "ed25519") throw new Error("a provider's key is not Ed25519");
    const [oldest] = kept.keys();
    if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest);
    kept.set(id, key);
    return key;
  };
}
