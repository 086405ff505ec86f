// What a customer is told of a job, and anybody of a machine: by the API, by the command line and on the page.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { encode } from "next-auth/jwt";
import { berthClient } from "../../../protocol/client.ts";
import type { ReputationEventView } from "../../../protocol/provider-views.ts";
import { SESSION_COOKIE, TOKEN_CLAIM } from "../../../server/http/session-cookie.ts";
import type { Customer } from "../customers.ts";
import { SESSION_SECRET } from "./batch-stand.ts";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** What `berth get ID` prints, its table with all columns; blanks are single. */
export async function commandLine(broker: string, { token }: Customer, id: string): Promise<string> {
  const { PATH, HOME } = process.env;
  const env: NodeJS.ProcessEnv = {
    PATH,
    HOME,
    NODE_ENV: "production",
    BERTH_URL: broker,
    BERTH_TOKEN: token,
    NO_COLOR: "1",
    COLUMNS: "1000",
  };
  const args = ["dist/berth.mjs", "get", id, "--output", "wide"];
  return (await run(process.execPath, args, { cwd: ROOT, env })).stdout.replace(/\s+/g, " ");
}

/** What a page says before any script has run, as text; blanks are single. @param customer logged in, else nobody */
export async function page(broker: string, path: string, customer?: Customer): Promise<string> {
  const headers: Record<string, string> = {};
  if (customer) {
    const cookie = await encode({ token: { [TOKEN_CLAIM]: customer.token }, secret: SESSION_SECRET });
    headers.cookie = `${SESSION_COOKIE}=${cookie}`;
  }
  const answer = await fetch(`${broker}${path}`, { headers });
  if (!answer.ok) throw new Error(`${path} is answered ${answer.status}`);
  return visibleText(await answer.text());
}

function visibleText(html: string): string {
  return html
    .replace(/<(script|style)\b[\s\S]*?<\/\1>/g, "")
    .replace(/<!--[\s\S]*?-->/g, "")
    .replace(/<[^>]*>/g, " ")
    .replace(/&#x27;/g, "'")
    .replace(/&quot;/g, '"')
    .replace(/&lt;/g, "<")
    .replace(/&gt;/g, ">")
    .replace(/&amp;/g, "&")
    .replace(/\s+/g, " ");
}

/** The public ledger of a machine, newest first, and its score. */
export async function ledgerOf(broker: string, id: string) {
  const client = berthClient({ baseUrl: broker });
  const events: ReputationEventView[] = [];
  for (let cursor: string | null | undefined; ; ) {
    const query = { limit: "100", ...(typeof cursor === "string" ? { cursor } : {}) };
    const part = await client.listReputation({ params: { id }, query });
    events.push(...part.events);
    cursor = part.next_cursor;
    if (cursor === null) return { reputation: part.reputation, events };
  }
}
