// Where a running job is, and who reaches into it there.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { JobId } from "../../../domain/ids.ts";
import { isNode, type Runtime } from "../../../domain/provider/state.ts";
import type { Deps, Inside, Whereabouts } from "../../deps.ts";
import { findJob, type JobRow } from "../../repos/jobs.ts";
import { noSuchJob } from "./get-job.ts";

export interface Reached {
  readonly row: JobRow;
  readonly at: Whereabouts;
  readonly inside: Inside;
}

/** @throws AppError `not-found` for another account's job too, `conflict` where it does not run, `unavailable` */
export async function reachJob(
  deps: Pick<Deps, "db" | "inside" | "secrets">,
  owner: Pick<Principal, "account">,
  id: JobId,
): Promise<Reached> {
  const row = await findJob(deps.db, owner.account, id);
  if (!row) throw noSuchJob();
  if (row.execution.status === "unreachable")
    throw new AppError("unavailable", "The provider is out of reach; try again when it is back.");
  if (row.execution.status !== "running")
    throw new AppError("conflict", "The job does not run: there is nothing to reach into.");
  return { row, at: whereaboutsOf(deps, row), inside: insideOf(deps, row.provider.runtime) };
}

export function whereaboutsOf(
  { secrets }: Pick<Deps, "secrets">,
  {
    job,
    execution: { id, endpointHost: host, endpointPort: port, endpointUser: user },
  }: Pick<JobRow, "job" | "execution">,
): Whereabouts {
  return {
    id,
    tenant: job.account,
    endpoint: host && port && user ? { host, port, user } : null,
    hostKey: job.hostKeyPublic,
    doorKey: job.sealedDoorKey === null ? null : secrets.open(job.sealedDoorKey),
  };
}

/** @throws AppError `unavailable` where it is on a node and this process knows no Kubernetes */
export function insideOf({ inside }: Pick<Deps, "inside">, runtime: Runtime): Inside {
  const chosen = isNode(runtime) ? inside.pods : inside.agent;
  if (!chosen) throw new AppError("unavailable", "This broker has no Kubernetes configured, but executions on it.");
  return chosen;
}
