// Alive, for probes and people: answers even where the database does not.
import type { z } from "zod";
import type { systemOperations } from "../../../protocol/operations/system.ts";
import type { Deps } from "../../deps.ts";
import { countExecutions } from "../../repos/system.ts";
import { withinPatience } from "./patience.ts";

type Health = z.infer<typeof systemOperations.health.response>;

export async function health({
  db,
  clock,
  log,
  settings,
}: Pick<Deps, "db" | "clock" | "log" | "settings">): Promise<Health> {
  const time = clock.now().toISOString();
  const alive = { time, version: settings.version, uptimeSeconds: Math.floor(process.uptime()) };
  try {
    const { active, total, failed } = await withinPatience(countExecutions(db));
    return { status: "ok", ...alive, activeDeployments: active, totalDeployments: total, failedDeployments: failed };
  } catch (error) {
    log.warn({ err: error }, "the database does not answer");
    return { status: "degraded", ...alive, activeDeployments: 0, totalDeployments: 0, failedDeployments: 0 };
  }
}
