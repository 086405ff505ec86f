// Logins to registries of private images: sealed, never shown again, used for the pulls of their own account.
import type { Principal } from "../../../domain/account/principal.ts";
import type { RegistryLogin } from "../../../domain/execution/spec.ts";
import type { RegistryLoginId } from "../../../domain/ids.ts";
import type { RegistryLoginView } from "../../../protocol/views.ts";
import type { Deps } from "../../deps.ts";

export async function listRegistryLogins(_deps: Pick<Deps, "db">, _owner: Principal): Promise<RegistryLoginView[]> {
  throw new Error("UNBUILT");
}

/** @throws AppError `conflict` where the account has one for this registry, `limit-reached` */
export async function addRegistryLogin(
  _deps: Pick<Deps, "db" | "clock" | "ids" | "secrets">,
  _owner: Principal,
  _login: RegistryLogin,
  _key: string | null,
): Promise<RegistryLoginView> {
  throw new Error("UNBUILT");
}

/** @throws AppError `not-found` */
export async function removeRegistryLogin(
  _deps: Pick<Deps, "db">,
  _owner: Principal,
  _id: RegistryLoginId,
): Promise<void> {
  throw new Error("UNBUILT");
}
