// From a token to a machine that earns: whether one is out, and who came.
import type { Principal } from "../../../domain/account/principal.ts";
import type { OwnProviderView } from "../../../protocol/provider-views.ts";
import { openTokens, ownProviderRows } from "../../repos/own-providers.ts";
import { type OwnViewDeps, toOwnProviderViews } from "./own-provider-view.ts";

/** A machine that came this long ago is still followed: the life of a token. */
const FOLLOWED_MS = 60 * 60_000;
const MOST_FOLLOWED = 10;

export interface Enrolment {
  /** tokens that still enrol a machine */
  readonly open_tokens: number;
  /** until when the newest of them does, RFC 3339; null where none is out */
  readonly open_until: string | null;
  /** machines that came within the last hour, newest first */
  readonly machines: readonly OwnProviderView[];
}

export async function followEnrolment(deps: OwnViewDeps, owner: Principal): Promise<Enrolment> {
  const now = deps.clock.now();
  const [tokens, rows] = await Promise.all([
    openTokens(deps.db, owner.account, now),
    ownProviderRows(deps.db, owner.account, { beforeId: null, limit: MOST_FOLLOWED }),
  ]);
  const recent = rows.filter(({ provider }) => provider.createdAt.getTime() > now.getTime() - FOLLOWED_MS);
  return {
    open_tokens: tokens.length,
    open_until: tokens[0]?.expiresAt.toISOString() ?? null,
    machines: await toOwnProviderViews(deps, recent, owner),
  };
}
