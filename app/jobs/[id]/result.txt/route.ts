// The accepted stdout of a batch job as a file.
import { isAppError } from "../../../../domain/errors.ts";
import { isId } from "../../../../domain/ids.ts";
import { getAnyJob } from "../../../../server/usecases/job/any-job.ts";
import { deps, principal } from "../../../context.ts";

export async function GET(
  _request: Request,
  { params }: { readonly params: Promise<{ readonly id: string }> },
): Promise<Response> {
  const [{ id }, who] = await Promise.all([params, principal()]);
  if (!who) return refusal(401, "Log in with the wallet that submitted it.");
  if (!isId("job", id)) return refusal(404, "There is no such job.");
  try {
    const job = await getAnyJob(deps(), who, id);
    if (job.kind !== "batch" || job.result === undefined) return refusal(404, "It has no result.");
    return new Response(job.result, {
      headers: { ...HEADERS, "content-disposition": `attachment; filename="${id}.result.txt"` },
    });
  } catch (error) {
    if (isAppError(error) && error.code === "not-found") return refusal(404, "There is no such job.");
    throw error;
  }
}

const HEADERS = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };

function refusal(status: number, words: string): Response {
  return new Response(`${words}\n`, { status, headers: HEADERS });
}
