"use client";
// The SSH keys of an account: those that may log in to its rentals.
import { useEffect, useRef } from "react";
import type { SshKeyView } from "../../protocol/account-views.ts";
import { Panel } from "../shell/page.tsx";
import { Field, Input, TextArea, tied } from "../ui/field.tsx";
import { type FormAction, fieldError, UNTOUCHED } from "../ui/form-state.ts";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";
import { Moment } from "../ui/time.tsx";
import { useForm } from "../ui/use-form.ts";
import { Remove } from "./remove.tsx";

interface SshKeysProps {
  readonly keys: readonly SshKeyView[];
  readonly add: FormAction;
  readonly remove: FormAction;
}

export function SshKeys({ keys, add, remove }: SshKeysProps) {
  const { state, pending, form: sending } = useForm(add, UNTOUCHED);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (state.done > 0) form.current?.reset();
  }, [state.done]);
  const nameError = fieldError(state, "name");
  const keyError = fieldError(state, "public_key");
  return (
    <Panel title="SSH keys" note="ed25519, ecdsa or rsa">
      {keys.length > 0 && (
        <ul className="mb-4 border-line border-y">
          {keys.map((key) => (
            <li
              key={key.id}
              className="flex flex-wrap items-center gap-x-4 gap-y-2 border-line border-b py-2.5 last:border-b-0"
            >
              <div className="min-w-0 flex-1">
                <p className="font-[540] text-cell">{key.name}</p>
                <p className="num text-ink-3 text-small [overflow-wrap:anywhere]">
                  {key.type} {key.fingerprint}
                </p>
                <p className="text-ink-3 text-small">
                  added <Moment at={key.created_at} withDay />
                </p>
              </div>
              <Remove id={key.id} name={key.name} action={remove} />
            </li>
          ))}
        </ul>
      )}
      <form ref={form} {...sending} className="grid gap-3">
        <Field id="ssh-name" label="Name" error={nameError}>
          <Input
            {...tied("ssh-name", nameError)}
            name="name"
            required
            maxLength={80}
            autoComplete="off"
            placeholder="laptop"
          />
        </Field>
        <Field
          id="ssh-key"
          label="Public key"
          hint={
            <>
              What <code>cat ~/.ssh/id_ed25519.pub</code> prints.
            </>
          }
          error={keyError}
        >
          <TextArea {...tied("ssh-key", keyError, true)} name="public_key" required placeholder="ssh-ed25519 AAAA…" />
        </Field>
        <Refused state={state} shown={["name", "public_key"]} />
        <div>
          <Submit waiting="Adding…" busy={pending}>
            Add key
          </Submit>
        </div>
      </form>
    </Panel>
  );
}
