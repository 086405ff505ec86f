// Everything about one machine, for its owner and for operators.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { OwnProviderView } from "../../../protocol/provider-views.ts";
import { ownProviderRow } from "../../repos/own-providers.ts";
import { type OwnViewDeps, toOwnProviderViews } from "./own-provider-view.ts";
import { noSuchProvider } from "./owned.ts";
import { requireReadable } from "./readable.ts";

/** @throws AppError `not-found` for a stranger */
export async function getOwnProvider(
  deps: OwnViewDeps,
  principal: Principal,
  id: ProviderId,
): Promise<OwnProviderView> {
  const row = await ownProviderRow(deps.db, id);
  if (!row) throw noSuchProvider();
  requireReadable(row.provider, principal, deps.settings.operators);
  const [view] = await toOwnProviderViews(deps, [row], principal);
  if (!view) throw noSuchProvider();
  return view;
}
