// Rent: the wish, its price, and one button.
import { randomUUID } from "node:crypto";
import type { Metadata } from "next";
import { RentForm } from "../../components/rent/rent-form.tsx";
import { WISH_FIELDS, type WishField, type WishText } from "../../components/rent/wish.ts";
import { Page } from "../../components/shell/page.tsx";
import { gpuName } from "../../components/ui/gpu-name.ts";
import { isId } from "../../domain/ids.ts";
import { listSshKeys } from "../../server/usecases/account/list-ssh-keys.ts";
import { getProvider } from "../../server/usecases/provider/get-provider.ts";
import { searchOffers } from "../../server/usecases/provider/search-offers.ts";
import { deps, loginOptions, principal } from "../context.ts";
import { first, type SearchParams } from "../search-params.ts";
import { estimateAction, rentAction } from "./actions.ts";

export const metadata: Metadata = { title: "Rent" };

async function readWish(searchParams: SearchParams): Promise<WishText> {
  const params = await searchParams;
  const wish: Partial<Record<WishField, string>> = {};
  for (const field of WISH_FIELDS) {
    const value = first(params[field]);
    if (value) wish[field] = value;
  }
  return { gpu_count: "1", duration_hours: "1", ...wish };
}

/** Who is asked for by id is known by name; a stranger's or a wrong id has none. */
async function nameOf(id: string | undefined): Promise<string | null> {
  if (!id || !isId("prov", id)) return null;
  const provider = await getProvider(deps(), id).catch(() => null);
  return provider?.name ?? null;
}

export default async function RentPage({ searchParams }: { readonly searchParams: SearchParams }) {
  const [wish, who] = await Promise.all([readWish(searchParams), principal()]);
  const [providerName, { facets }, sshKeys, estimate] = await Promise.all([
    nameOf(wish.provider_id),
    searchOffers(deps(), { limit: 1 }),
    who ? listSshKeys(deps(), who) : [],
    estimateAction(wish),
  ]);
  return (
    <Page eyebrow="Market" title={wish.gpu_type ? `Rent ${gpuName(wish.gpu_type)}` : "Rent"}>
      <RentForm
        wish={wish}
        providerName={providerName}
        models={Object.keys(facets.gpu).sort()}
        sshKeys={sshKeys}
        first={estimate}
        idempotencyKey={randomUUID()}
        login={loginOptions()}
        rent={rentAction}
        estimate={estimateAction}
      />
    </Page>
  );
}
