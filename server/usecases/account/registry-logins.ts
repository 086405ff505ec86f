// Logins to registries of private images: sealed, never shown again, used for the pulls of their own account.
import type { Principal } from "../../../domain/account/principal.ts";
import { AppError } from "../../../domain/errors.ts";
import type { RegistryLogin } from "../../../domain/execution/spec.ts";
import type { RegistryLoginId } from "../../../domain/ids.ts";
import { registryOf } from "../../../domain/job/image.ts";
import type { RegistryLoginView } from "../../../protocol/account-views.ts";
import type { Deps } from "../../deps.ts";
import { lockAccount } from "../../repos/accounts.ts";
import { once } from "../../repos/idempotency.ts";
import {
  deleteRegistryLogin,
  insertRegistryLogin,
  type RegistryLoginRow,
  registryLoginFor,
  registryLoginsOf,
  type SealedLogin,
} from "../../repos/registry-logins.ts";

const MAX_LOGINS = 20;

export async function listRegistryLogins(
  { db }: Pick<Deps, "db">,
  { account }: Principal,
): Promise<RegistryLoginView[]> {
  return (await registryLoginsOf(db, account)).map(toView);
}

/**
 * @param key the Idempotency-Key
 * @throws AppError `conflict` where the account has one for this registry, `limit-reached`
 */
export async function addRegistryLogin(
  { db, clock, ids, secrets }: Pick<Deps, "db" | "clock" | "ids" | "secrets">,
  { account }: Principal,
  { registry, username, password }: RegistryLogin,
  key: string | null,
): Promise<RegistryLoginView> {
  const now = clock.now();
  // Without the password: what is kept of a request is a hash that a guess could be held against.
  const attempt = { account, operation: "add-registry-login", key, request: { registry, username } };
  const added = await once(db, attempt, now, async (tx) => {
    await lockAccount(tx, account);
    if ((await registryLoginsOf(tx, account)).length >= MAX_LOGINS)
      throw new AppError("limit-reached", `An account has at most ${MAX_LOGINS} registry logins; remove one first.`);
    const id = ids.next("reg");
    const row = { id, account, registry, username, sealedPassword: secrets.seal(password), createdAt: now };
    return (await insertRegistryLogin(tx, row)) ? toView(row) : null;
  });
  if (added) return added;
  throw new AppError("conflict", `Your account already has a login for ${registry}; remove it first.`);
}

/** @throws AppError `not-found` for another account's login too */
export async function removeRegistryLogin(
  { db }: Pick<Deps, "db">,
  { account }: Principal,
  id: RegistryLoginId,
): Promise<void> {
  if (!(await deleteRegistryLogin(db, account, id)))
    throw new AppError("not-found", "the registry login does not exist");
}

/** What an account's pull of an image logs in with; null where it is pulled by nobody in particular. */
export async function loginForImage(
  { db, secrets }: Pick<Deps, "db" | "secrets">,
  account: string,
  image: string,
): Promise<RegistryLogin | null> {
  const row = await registryLoginFor(db, account, registryOf(image));
  return row && openLogin(secrets, row);
}

/** The same of an account's logins that were read already. */
export function loginAmong(
  { secrets }: Pick<Deps, "secrets">,
  logins: readonly SealedLogin[],
  image: string,
): RegistryLogin | null {
  const registry = registryOf(image);
  const row = logins.find((one) => one.registry === registry);
  return row ? openLogin(secrets, row) : null;
}

function openLogin(secrets: Deps["secrets"], { registry, username, sealedPassword }: SealedLogin): RegistryLogin {
  return { registry, username, password: secrets.open(sealedPassword) };
}

function toView({ id, registry, username, createdAt }: RegistryLoginRow): RegistryLoginView {
  return { id, registry, username, created_at: createdAt.toISOString() };
}
