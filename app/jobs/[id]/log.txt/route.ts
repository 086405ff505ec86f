// A job's log as a file: the cookie counts for pages, and not for the wire that has the same as JSON.
import { isAppError } from "../../../../domain/errors.ts";
import { isId } from "../../../../domain/ids.ts";
import { MOST_LINES, readLogs } from "../../../../server/usecases/job/read-logs.ts";
import { deps, principal } from "../../../context.ts";

export async function GET(
  request: Request,
  { params }: { readonly params: Promise<{ readonly id: string }> },
): Promise<Response> {
  const [{ id }, who] = await Promise.all([params, principal()]);
  if (!who) return refusal(401, "Log in with the wallet that rented it.");
  if (!isId("job", id)) return refusal(404, "There is no such job.");
  try {
    const { logs } = await readLogs(deps(), who, id, { tailLines: MOST_LINES, signal: request.signal });
    return new Response(logs, {
      headers: { ...HEADERS, "content-disposition": `attachment; filename="${id}.log.txt"` },
    });
  } catch (error) {
    if (!isAppError(error)) throw error;
    return error.code === "not-found" ? refusal(404, "There is no such job.") : refusal(503, error.detail);
  }
}

const HEADERS = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

function refusal(status: number, words: string): Response {
  return new Response(`${words}\n`, { status, headers: HEADERS });
}
