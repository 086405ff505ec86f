// Rent: the wish, its price, and one button.
import { randomUUID } from "node:crypto";
import type { Metadata } from "next";
import { RentForm } from "../../components/rent/rent-form.tsx";
import { WISH_FIELDS, type WishField, type WishText } from "../../components/rent/wish.ts";
import { Page } from "../../components/shell/page.tsx";
import { gpuName } from "../../components/ui/gpu-name.ts";
import { isId } from "../../domain/ids.ts";
import { listSshKeys } from "../../server/usecases/account/list-ssh-keys.ts";
import { listTemplates } from "../../server/usecases/job/list-templates.ts";
import { getProvider } from "../../server/usecases/provider/get-provider.ts";
import { searchOffers } from "../../server/usecases/provider/search-offers.ts";
import { deps, loginOptions, principal } from "../context.ts";
import { first, type SearchParams } from "../search-params.ts";
import { estimateAction, rentAction } from "./actions.ts";

export const metadata: Metadata = { title: "Rent" };

/** Nobody who comes without a wish for an image is asked for one: the first template it is. */
async function readWish(searchParams: SearchParams, firstTemplate: string | undefined): Promise<WishText> {
  const params = await searchParams;
  const wish: Partial<Record<WishField, string>> = {};
  for (const field of WISH_FIELDS) {
    const value = first(params[field]);
    if (value) wish[field] = value;
  }
  const template = wish.image ? undefined : firstTemplate;
  return { gpu_count: "1", duration_hours: "1", ...(template ? { template } : {}), ...wish };
}

/** Who is asked for by id is known by name; a stranger's or a wrong id has none. */
async function nameOf(id: string | undefined): Promise<string | null> {
  if (!id || !isId("prov", id)) return null;
  const provider = await getProvider(deps(), id).catch(() => null);
  return provider?.name ?? null;
}

export default async function RentPage({ searchParams }: { readonly searchParams: SearchParams }) {
  const [{ templates }, who] = await Promise.all([listTemplates(deps()), principal()]);
  const wish = await readWish(searchParams, templates[0]?.slug);
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
        templates={templates}
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
