// Providers as operators judge them.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { Admission } from "../../../domain/provider/state.ts";
import type { OperatorProviderView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

type OperatorDeps = Pick<Deps, "db" | "clock" | "settings">;

/** @throws AppError `forbidden` */
export async function listProvidersForOperator(
  _deps: OperatorDeps,
  _operator: Principal,
  _query: {
    readonly limit?: number | undefined;
    readonly cursor?: string | undefined;
    readonly admission?: Admission | undefined;
    readonly search?: string | undefined;
  },
): Promise<{
  providers: OperatorProviderView[];
  count: number;
  next_cursor: string | null;
  admissions: Record<string, number>;
}> {
  throw new Error("UNBUILT");
}

/** @throws AppError `forbidden`, `not-found` */
export async function getProviderForOperator(
  _deps: OperatorDeps,
  _operator: Principal,
  _id: ProviderId,
): Promise<OperatorProviderView> {
  throw new Error("UNBUILT");
}
