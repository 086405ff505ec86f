// Operators admit machines, turn them away, and stop those that must not go on.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { Deps } from "../../deps.ts";

type AdmissionDeps = Pick<Deps, "db" | "clock" | "queue" | "settings">;

/** Also takes back a rejection or a suspension. @throws AppError `forbidden`, `not-found`, `conflict` */
export async function approveProvider(_deps: AdmissionDeps, _operator: Principal, _id: ProviderId): Promise<void> {
  throw new Error("UNBUILT");
}

/** @throws AppError `forbidden`, `not-found`, `conflict` */
export async function rejectProvider(
  _deps: AdmissionDeps,
  _operator: Principal,
  _id: ProviderId,
  _reason: string,
): Promise<void> {
  throw new Error("UNBUILT");
}

/** Ends what runs there. @throws AppError `forbidden`, `not-found`, `conflict` */
export async function suspendProvider(
  _deps: AdmissionDeps,
  _operator: Principal,
  _id: ProviderId,
  _reason: string,
): Promise<void> {
  throw new Error("UNBUILT");
}
