// A link to a job's HTTP port: a ticket for one visit, which leaves a cookie at the job's own host.
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId } from "../../../domain/ids.ts";
import type { PortLinkView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

/** @throws AppError `not-found`, `conflict` where it has no port, does not run, or ports are off here */
export async function openPort(_deps: Deps, _owner: Principal, _id: JobId): Promise<PortLinkView> {
  throw new Error("UNBUILT");
}
