// The SSH port: what reads customers' keys and makes hosts' keys.
import type { Ssh } from "../../deps.ts";
import { newHostKey } from "./host-key.ts";
import { parseSshPublicKey } from "./ssh-public-key.ts";

export const ssh: Ssh = { parsePublicKey: parseSshPublicKey, newHostKey };
