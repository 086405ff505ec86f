// The agent's one file, where this broker was built with it.
import { existsSync } from "node:fs";
import { join } from "node:path";

/** The web runs in the root of the house, beside its `dist`. */
export function agentFile(): string {
  return join(process.cwd(), "dist", "agent.mjs");
}

export function servesAgent(): boolean {
  return existsSync(agentFile());
}
