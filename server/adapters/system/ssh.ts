// The Ssh port: what customers give is read strictly, what hosts show is made fresh.
import type { Ssh } from "../../deps.ts";
import { newHostKey } from "./host-key.ts";
import { parsePublicKey } from "./ssh-public-key.ts";

export const ssh: Ssh = { parsePublicKey, newHostKey };
