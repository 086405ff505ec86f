// The wire of a job's terminal, a WebSocket at GET /api/v1/jobs/:id/terminal. Binary frames are bytes, both ways; text
// frames are the JSON below.
import { z } from "zod";
import { PROBLEMS, type ProblemCode } from "../domain/errors.ts";
import { idField, queryInt } from "./fields.ts";

/** As wide and high as any terminal may be, in characters. */
const MAX_SIDE = 4096;
/** The largest frame that the broker takes, in bytes: a paste comes in many. */
export const MAX_FRAME_BYTES = 64 << 10;
/** How much of its output a shell keeps for a browser that comes back, in bytes; nobody is sent more ahead of their acks. */
export const KEPT_OUTPUT_BYTES = 256 << 10;

export function terminalPath(jobId: string): string {
  return `/api/v1/jobs/${jobId}/terminal`;
}

const SESSION_ID = /^[A-Za-z0-9_-]{16,64}$/;

export const TerminalParams = z.strictObject({ id: idField("job") });

export const TerminalQuery = z.strictObject({
  cols: queryInt(1, MAX_SIDE),
  rows: queryInt(1, MAX_SIDE),
  /** takes up again the shell that `opened` named */
  session: z.string().regex(SESSION_ID, "as `opened` gave it").optional(),
  /** how many bytes of that shell's output the client has; what came after them is sent first */
  received: z
    .string()
    .regex(/^\d{1,15}$/, "a whole number")
    .transform(Number)
    .optional(),
});
export type TerminalQuery = z.output<typeof TerminalQuery>;

const side = z.int().min(1).max(MAX_SIDE);

export const FromTerminalClient = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("resize"), cols: side, rows: side }),
  /** All output up to `received` was shown. Whoever acknowledges is never sent more than KEPT_OUTPUT_BYTES ahead. */
  z.strictObject({ type: z.literal("ack"), received: z.int().min(0) }),
]);
export type FromTerminalClient = z.output<typeof FromTerminalClient>;

/** Why a terminal ended, beside the codes of problems. */
const ENDS = ["idle", "taken-over", "job-ended"] as const;
const CODES: readonly string[] = [...ENDS, ...Object.keys(PROBLEMS)];
export type TerminalErrorCode = (typeof ENDS)[number] | ProblemCode;

export const FromTerminalServer = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("opened"),
    session: z.string().regex(SESSION_ID),
    /** false: a new shell, whatever was asked for */
    resumed: z.boolean(),
    /** how many bytes of output came before the first that is sent now; beyond `received`, some are lost */
    from: z.int().min(0),
  }),
  /** Nobody typed for long: it ends after so many seconds, unless somebody does. */
  z.object({ type: z.literal("idle"), ends_in_seconds: z.int() }),
  /** The shell ended; both are null where nobody knows how. */
  z.object({ type: z.literal("exit"), code: z.int().nullable(), signal: z.string().nullable() }),
  /** It ends for another reason; `retry` says whether to connect again at once. */
  z.object({
    type: z.literal("error"),
    code: z.custom<TerminalErrorCode>((code) => typeof code === "string" && CODES.includes(code)),
    detail: z.string(),
    retry: z.boolean(),
  }),
]);
export type FromTerminalServer = z.output<typeof FromTerminalServer>;
