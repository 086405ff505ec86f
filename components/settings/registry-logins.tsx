"use client";
// Logins to registries of private images: their passwords go in and never come out.
import { useEffect, useRef } from "react";
import type { RegistryLoginView } from "../../protocol/account-views.ts";
import { Panel } from "../shell/page.tsx";
import { Field, Input, tied } from "../ui/field.tsx";
import { type FormAction, fieldError, UNTOUCHED } from "../ui/form-state.ts";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";
import { Moment } from "../ui/time.tsx";
import { useForm } from "../ui/use-form.ts";
import { Remove } from "./remove.tsx";

interface RegistryLoginsProps {
  readonly logins: readonly RegistryLoginView[];
  readonly add: FormAction;
  readonly remove: FormAction;
}

export function RegistryLogins({ logins, add, remove }: RegistryLoginsProps) {
  const { state, pending, form: sending } = useForm(add, UNTOUCHED);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (state.done > 0) form.current?.reset();
  }, [state.done]);
  const error = (name: string) => fieldError(state, name);
  return (
    <Panel title="Registries" note="for private images">
      {logins.length > 0 && (
        <ul className="mb-4 border-line border-y">
          {logins.map(({ id, registry, username, created_at }) => (
            <li
              key={id}
              className="flex flex-wrap items-center gap-x-4 gap-y-2 border-line border-b py-2.5 last:border-b-0"
            >
              <div className="min-w-0 flex-1">
                <p className="font-[540] text-cell [overflow-wrap:anywhere]">{registry}</p>
                <p className="text-ink-3 text-small [overflow-wrap:anywhere]">
                  as {username}, added <Moment at={created_at} withDay />
                </p>
              </div>
              <Remove id={id} name={`the login for ${registry}`} action={remove} />
            </li>
          ))}
        </ul>
      )}
      <p className="mb-3 text-ink-2 text-small">
        Your rentals on the cluster pull images of a registry with the login it has here. Use a token that can only
        read: machines of providers see it while they pull.
      </p>
      <form ref={form} {...sending} className="grid gap-3">
        <Field
          id="registry"
          label="Registry"
          hint="As images name it; docker.io for Docker Hub."
          error={error("registry")}
        >
          <Input
            {...tied("registry", error("registry"), true)}
            name="registry"
            required
            maxLength={253}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            placeholder="ghcr.io"
          />
        </Field>
        <div className="grid gap-3 sm:grid-cols-2">
          <Field id="registry-username" label="Username" error={error("username")}>
            <Input
              {...tied("registry-username", error("username"))}
              name="username"
              required
              maxLength={255}
              autoComplete="off"
              autoCapitalize="none"
              spellCheck={false}
            />
          </Field>
          <Field id="registry-password" label="Password or token" error={error("password")}>
            <Input
              {...tied("registry-password", error("password"))}
              name="password"
              type="password"
              required
              maxLength={4096}
              autoComplete="new-password"
            />
          </Field>
        </div>
        <Refused state={state} shown={["registry", "username", "password"]} />
        <div>
          <Submit waiting="Adding…" busy={pending}>
            Add login
          </Submit>
        </div>
      </form>
    </Panel>
  );
}
