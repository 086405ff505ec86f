// What every refusal looks like on the wire: problem+json, RFC 9457.
import { z } from "zod";

const count = z.int().min(0);

export const Problem = z.strictObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  /** the same again, under the name that the seed's clients know */
  error: z.string().optional(),
  code: z.string(),
  request_id: z.string(),
  retry: z.boolean(),
  fields: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
  removed: z.record(z.string(), count).optional(),
});
export type Problem = z.infer<typeof Problem>;
