// One provider, as anyone may see it.
import { AppError } from "../../../domain/errors.ts";
import type { ProviderId } from "../../../domain/ids.ts";
import type { ProviderView } from "../../../protocol/provider-views.ts";
import type { Deps } from "../../deps.ts";
import { findShownProvider } from "../../repos/providers.ts";
import { toProviderView } from "./provider-view.ts";

export async function getProvider({ db }: Pick<Deps, "db">, id: ProviderId): Promise<ProviderView> {
  const found = await findShownProvider(db, id);
  if (!found) throw new AppError("not-found", "the provider does not exist");
  return toProviderView(found);
}
