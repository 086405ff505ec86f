// Ids and secrets from the system's randomness.
import { randomBytes } from "node:crypto";
import { formatId } from "../../../domain/ids.ts";
import type { Clock, Ids } from "../../deps.ts";

export function systemIds(clock: Clock): Ids {
  return {
    next: (prefix) => formatId(prefix, clock.now().getTime(), randomBytes(10)),
    secret: (bytes) => randomBytes(bytes).toString("base64url"),
  };
}
