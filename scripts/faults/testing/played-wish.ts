// What a played agent is told on its command line.
import { z } from "zod";
import { ROLES } from "./played-runtime.ts";

export const PlayedWish = z.strictObject({
  dataDir: z.string(),
  broker: z.string(),
  name: z.string(),
  /** of an enrolment, used once */
  token: z.string(),
  cores: z.int(),
  role: z.enum(ROLES),
  /** session with which a copier looks at the job */
  eyes: z.string().optional(),
});
export type PlayedWish = z.infer<typeof PlayedWish>;
