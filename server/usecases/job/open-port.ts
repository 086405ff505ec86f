// A link to a job's HTTP port: a ticket for one visit, which leaves a cookie at the job's own host.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { JobId } from "../../../domain/ids.ts";
import { appsPlace, originOfJob } from "../../../domain/job/port-host.ts";
import type { PortLinkView } from "../../../protocol/job-views.ts";
import type { Deps } from "../../deps.ts";
import { insertPortGrant } from "../../repos/port-grants.ts";
import { hashToken, TOKEN_BYTES } from "../account/tokens.ts";
import { reachJob } from "./whereabouts.ts";

/** Where tickets are taken, at a job's host. */
export const OPEN_PATH = "/.berth/open";
const TICKET_MS = 60_000;

/** @throws AppError `not-found`, `conflict` where it has no port, does not run, or ports are off here; `unavailable` */
export async function openPort(
  deps: Pick<Deps, "db" | "clock" | "ids" | "inside" | "secrets" | "settings">,
  owner: Principal,
  id: JobId,
): Promise<PortLinkView> {
  const { row } = await reachJob(deps, owner, id);
  if (row.job.httpPort === null)
    throw new AppError("conflict", "The job was rented without an HTTP port; reach its ports through ssh -L.");
  const place = appsPlace(deps.settings.appsDomain, deps.settings.publicUrl);
  if (!place)
    throw new AppError("conflict", "This broker serves no ports of jobs: its operator has set no APPS_DOMAIN.");
  const ticket = deps.ids.secret(TOKEN_BYTES);
  const expiresAt = new Date(deps.clock.now().getTime() + TICKET_MS);
  await insertPortGrant(deps.db, { hash: hashToken(ticket), kind: "ticket", jobId: id, expiresAt });
  return { url: `${originOfJob(place, id)}${OPEN_PATH}?ticket=${ticket}`, expires_at: expiresAt.toISOString() };
}
