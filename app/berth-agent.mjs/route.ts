// The agent as one file, for machines that join: `curl -fsSLo berth-agent.mjs <broker>/berth-agent.mjs`.
import { readFile } from "node:fs/promises";
import { agentFile } from "../agent-file.ts";

export const dynamic = "force-dynamic";

export async function GET(): Promise<Response> {
  const text = await readFile(agentFile(), "utf8").catch(() => null);
  if (text === null) return new Response("This broker was built without the agent: npm run build.\n", { status: 404 });
  return new Response(text, {
    headers: { "content-type": "text/javascript; charset=utf-8", "cache-control": "public, max-age=60" },
  });
}
