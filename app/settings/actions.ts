"use server";
// What can be done to the keys and the session of an account.
import { refresh } from "next/cache";
import { redirect } from "next/navigation";
import type { ApiKeyState } from "../../components/settings/api-keys.tsx";
import type { FormState } from "../../components/ui/form-state.ts";
import { requireScope } from "../../domain/account/principal.ts";
import { accountOperations } from "../../protocol/operations/account.ts";
import { addSshKey } from "../../server/usecases/account/add-ssh-key.ts";
import { createApiKey } from "../../server/usecases/account/create-api-key.ts";
import { addRegistryLogin, removeRegistryLogin } from "../../server/usecases/account/registry-logins.ts";
import { removeSshKey } from "../../server/usecases/account/remove-ssh-key.ts";
import { revokeApiKey } from "../../server/usecases/account/revoke-api-key.ts";
import { deps, endSession, requirePrincipal } from "../context.ts";
import { attempt, read } from "../refusals.ts";

/** Keys are made and taken away by the wallet itself. */
async function wallet() {
  const who = await requirePrincipal();
  requireScope(who, "wallet");
  return who;
}

export async function addSshKeyAction(previous: FormState, form: FormData): Promise<FormState> {
  const state = await attempt(previous, async () => {
    const who = await wallet();
    const wish = read(accountOperations.createSshKey.body, {
      name: form.get("name"),
      public_key: form.get("public_key"),
    });
    await addSshKey(deps(), who, wish, null);
  });
  refresh();
  return state;
}

export async function removeSshKeyAction(previous: FormState, form: FormData): Promise<FormState> {
  const state = await attempt(previous, async () => {
    const who = await wallet();
    const { id } = read(accountOperations.deleteSshKey.params, { id: form.get("id") });
    await removeSshKey(deps(), who, id);
  });
  refresh();
  return state;
}

export async function addRegistryLoginAction(previous: FormState, form: FormData): Promise<FormState> {
  const state = await attempt(previous, async () => {
    const who = await wallet();
    const login = read(accountOperations.createRegistryLogin.body, {
      registry: form.get("registry"),
      username: form.get("username"),
      password: form.get("password"),
    });
    await addRegistryLogin(deps(), who, login, null);
  });
  refresh();
  return state;
}

export async function removeRegistryLoginAction(previous: FormState, form: FormData): Promise<FormState> {
  const state = await attempt(previous, async () => {
    const who = await wallet();
    const { id } = read(accountOperations.deleteRegistryLogin.params, { id: form.get("id") });
    await removeRegistryLogin(deps(), who, id);
  });
  refresh();
  return state;
}

export async function createApiKeyAction(previous: ApiKeyState, form: FormData): Promise<ApiKeyState> {
  let key: string | null = null;
  const state = await attempt(previous, async () => {
    const who = await wallet();
    const wish = read(accountOperations.createApiKey.body, { name: form.get("name"), scopes: form.getAll("scopes") });
    key = (await createApiKey(deps(), who, wish)).key;
  });
  refresh();
  return { ...state, key };
}

export async function revokeApiKeyAction(previous: FormState, form: FormData): Promise<FormState> {
  const state = await attempt(previous, async () => {
    const who = await wallet();
    const { id } = read(accountOperations.deleteApiKey.params, { id: form.get("id") });
    await revokeApiKey(deps(), who, id);
  });
  refresh();
  return state;
}

export async function logOutAction(previous: FormState): Promise<FormState> {
  const state = await attempt(previous, endSession);
  if (state.refusal) return state;
  redirect("/"); // throws by design
}
