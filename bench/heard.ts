// A job's event stream, heard until what one waits for has happened.
import { z } from "zod";

const PATIENCE_MS = 120_000;

/** Reads the job's event stream until a code is the one that is waited for. */
export async function heard(url: string, token: string, jobId: string, isIt: (code: string) => boolean): Promise<void> {
  const over = AbortSignal.timeout(PATIENCE_MS);
  const headers = { accept: "text/event-stream", authorization: `Bearer ${token}` };
  const reply = await fetch(`${url}/api/v1/jobs/${jobId}/events`, { headers, signal: over });
  if (!reply.body) throw new Error("no event stream");
  let text = "";
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { value: part, done } = await reader.read();
    if (done) break;
    const lines = (text + part).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      if (!line.startsWith("data: ")) continue;
      const { code } = z.looseObject({ code: z.string() }).parse(JSON.parse(line.slice(6)));
      if (isIt(code)) return reader.cancel();
    }
  }
  throw new Error(`the events of ${jobId} ended`);
}
