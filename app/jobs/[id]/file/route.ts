// One output file of a batch job's accepted result.
import { basename } from "node:path/posix";
import { isAppError } from "../../../../domain/errors.ts";
import { isId } from "../../../../domain/ids.ts";
import { listFiles } from "../../../../server/usecases/batch/get-batch.ts";
import { deps, principal } from "../../../context.ts";

export async function GET(
  request: Request,
  { params }: { readonly params: Promise<{ readonly id: string }> },
): Promise<Response> {
  const [{ id }, who] = await Promise.all([params, principal()]);
  if (!who) return refusal(401, "Log in with the wallet that submitted it.");
  if (!isId("job", id)) return refusal(404, "There is no such job.");
  const path = new URL(request.url).searchParams.get("path");
  try {
    const file = (await listFiles(deps(), who, id)).files.find((one) => one.path === path);
    if (!file) return refusal(404, "Its result has no such file.");
    const name = encodeURIComponent(basename(file.path));
    // A stranger's machine made it: it is never shown as a page of ours.
    const headers = {
      "content-type": "application/octet-stream",
      "content-disposition": `attachment; filename*=UTF-8''${name}`,
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
    };
    return new Response(Buffer.from(file.content, "base64"), { headers });
  } catch (error) {
    if (isAppError(error) && error.code === "not-found") return refusal(404, "There is no such job.");
    if (isAppError(error) && error.code === "conflict") return refusal(409, error.message);
    throw error;
  }
}

function refusal(status: number, words: string): Response {
  const headers = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };
  return new Response(`${words}\n`, { status, headers });
}
