// The keys and the session of an account.
import type { Metadata } from "next";
import { ApiKeys } from "../../components/settings/api-keys.tsx";
import { RegistryLogins } from "../../components/settings/registry-logins.tsx";
import { Session } from "../../components/settings/session.tsx";
import { SshKeys } from "../../components/settings/ssh-keys.tsx";
import { LoginFirst } from "../../components/shell/login-first.tsx";
import { Page } from "../../components/shell/page.tsx";
import { listApiKeys } from "../../server/usecases/account/list-api-keys.ts";
import { listSshKeys } from "../../server/usecases/account/list-ssh-keys.ts";
import { listRegistryLogins } from "../../server/usecases/account/registry-logins.ts";
import { deps, loginOptions, principal } from "../context.ts";
import {
  addRegistryLoginAction,
  addSshKeyAction,
  createApiKeyAction,
  logOutAction,
  removeRegistryLoginAction,
  removeSshKeyAction,
  revokeApiKeyAction,
} from "./actions.ts";

export const metadata: Metadata = { title: "Settings" };

export default async function SettingsPage() {
  const who = await principal();
  if (!who) {
    return (
      <Page eyebrow="Settings" title="Your keys">
        <LoginFirst title="Log in to see your keys" options={loginOptions()}>
          SSH keys open your rentals, API keys let scripts rent for you, registry logins pull your private images. All
          belong to your wallet.
        </LoginFirst>
      </Page>
    );
  }
  const [sshKeys, apiKeys, logins] = await Promise.all([
    listSshKeys(deps(), who),
    listApiKeys(deps(), who),
    listRegistryLogins(deps(), who),
  ]);
  return (
    <Page eyebrow="Settings" title="Your keys">
      <div className="grid items-start gap-5 lg:grid-cols-2">
        <SshKeys keys={sshKeys} add={addSshKeyAction} remove={removeSshKeyAction} />
        <ApiKeys keys={apiKeys} create={createApiKeyAction} revoke={revokeApiKeyAction} />
        <RegistryLogins logins={logins} add={addRegistryLoginAction} remove={removeRegistryLoginAction} />
      </div>
      <Session address={who.account} logOut={logOutAction} />
    </Page>
  );
}
