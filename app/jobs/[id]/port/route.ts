// The way from a job's page to its HTTP port: a fresh link, followed at once.
import { isAppError } from "../../../../domain/errors.ts";
import { jobOperations } from "../../../../protocol/operations/job.ts";
import { followResponse, noticeResponse } from "../../../../server/http/apps/page.ts";
import type { WireResponse } from "../../../../server/http/message.ts";
import { openPort } from "../../../../server/usecases/job/open-port.ts";
import { deps, requirePrincipal } from "../../../context.ts";
import { read, refusalOf } from "../../../refusals.ts";

interface Asked {
  readonly params: Promise<{ readonly id: string }>;
}

export async function POST(request: Request, { params }: Asked): Promise<Response> {
  const { id } = await params;
  try {
    const who = await requirePrincipal();
    const { url } = await openPort(deps(), who, read(jobOperations.openJobPort.params, { id }).id);
    return toResponse(followResponse(url));
  } catch (error) {
    if (!isAppError(error)) throw error;
    const { title, detail } = refusalOf(error);
    const notice = { status: 409, title: `${title}.`, text: detail, console: `/jobs/${id}`, again: false };
    return toResponse(noticeResponse(notice, { accept: request.headers.get("accept") ?? "" }));
  }
}

function toResponse({ status, headers, body }: WireResponse): Response {
  return new Response(typeof body === "string" ? body : null, { status, headers });
}
