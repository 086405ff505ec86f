// Whether the broker is alive and ready, at the root.
import { z } from "zod";
import { Time } from "../fields.ts";
import { operation } from "../operation.ts";

export const systemOperations = {
  health: operation({
    method: "GET",
    path: "root:/health",
    summary: "Alive: version, uptime, counts",
    access: "public",
    response: z.strictObject({
      status: z.enum(["ok", "degraded"]),
      time: Time,
      version: z.string(),
      uptimeSeconds: z.int(),
      activeDeployments: z.int(),
      totalDeployments: z.int(),
      failedDeployments: z.int(),
    }),
  }),
  ready: operation({
    method: "GET",
    path: "root:/ready",
    summary: "Ready: the database answers; a worker, a queue or a cluster that is away shows as degraded",
    access: "public",
    response: z.strictObject({
      status: z.enum(["ready", "degraded"]),
      database: z.literal("ok"),
      worker: z.enum(["ok", "away"]),
      queue: z.enum(["ok", "away"]),
      cluster: z.enum(["ok", "away", "none"]),
    }),
  }),
};
