// The API keys of an account, newest first, without their secrets.
import type { Principal } from "../../../domain/account/principal.ts";
import type { ApiKeyView } from "../../../protocol/account-views.ts";
import type { Deps } from "../../deps.ts";
import { type ApiKeyRow, apiKeysOf } from "../../repos/api-keys.ts";

export async function listApiKeys({ db }: Pick<Deps, "db">, owner: Principal): Promise<ApiKeyView[]> {
  return (await apiKeysOf(db, owner.account)).map(toApiKeyView);
}

type Shown = Pick<ApiKeyRow, "id" | "name" | "scopes" | "prefix" | "createdAt" | "lastUsedAt">;

export function toApiKeyView({ id, name, scopes, prefix, createdAt, lastUsedAt }: Shown): ApiKeyView {
  const lastUsed = lastUsedAt?.toISOString() ?? null;
  return { id, name, scopes: [...scopes], prefix, created_at: createdAt.toISOString(), last_used_at: lastUsed };
}
