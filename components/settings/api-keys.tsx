"use client";
// The API keys of an account: made here, shown once, revoked here.
import { useActionState, useEffect, useRef } from "react";
import type { ApiKeyView } from "../../protocol/account-views.ts";
import { Panel } from "../shell/page.tsx";
import { CopyLine } from "../ui/copy-line.tsx";
import { Field, Input, tied } from "../ui/field.tsx";
import { type FormAction, type FormState, fieldError, UNTOUCHED } from "../ui/form-state.ts";
import { Notice } from "../ui/notice.tsx";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";
import { Moment } from "../ui/time.tsx";
import { useForm } from "../ui/use-form.ts";

export interface ApiKeyState extends FormState {
  /** the new key, shown this once */
  readonly key: string | null;
}
export type ApiKeyAction = (previous: ApiKeyState, form: FormData) => Promise<ApiKeyState>;

interface ApiKeysProps {
  readonly keys: readonly ApiKeyView[];
  readonly create: ApiKeyAction;
  readonly revoke: FormAction;
}

const SCOPES: readonly { readonly scope: ApiKeyView["scopes"][number]; readonly words: string }[] = [
  { scope: "read", words: "read: look at jobs and bills" },
  { scope: "jobs", words: "jobs: rent, extend, stop (spends your balance)" },
  { scope: "providers", words: "providers: run your machines" },
];

function Revoke({ id, name, action }: { readonly id: string; readonly name: string; readonly action: FormAction }) {
  const [state, send] = useActionState(action, UNTOUCHED);
  return (
    <form action={send} className="inline-grid gap-1">
      <input type="hidden" name="id" value={id} />
      <Submit small waiting="Revoking…" label={`Revoke ${name}`}>
        Revoke
      </Submit>
      <Refused state={state} />
    </form>
  );
}

export function ApiKeys({ keys, create, revoke }: ApiKeysProps) {
  const { state, pending, form: sending } = useForm<ApiKeyState>(create, { ...UNTOUCHED, key: null });
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (state.done > 0) form.current?.reset();
  }, [state.done]);
  const nameError = fieldError(state, "name");
  const scopesError = fieldError(state, "scopes");
  return (
    <Panel title="API keys" note="for scripts; sent as Authorization: Bearer">
      {keys.length > 0 && (
        <ul className="mb-4 border-line border-y">
          {keys.map((key) => (
            <li
              key={key.id}
              className="flex flex-wrap items-center gap-x-4 gap-y-2 border-line border-b py-2.5 last:border-b-0"
            >
              <div className="min-w-0 flex-1">
                <p className="font-[540] text-cell">
                  {key.name} <span className="num font-[400] text-ink-3">{key.prefix}…</span>
                </p>
                <p className="text-ink-3 text-small">
                  {key.scopes.join(", ")} · made <Moment at={key.created_at} withDay /> ·{" "}
                  {key.last_used_at ? (
                    <>
                      last used <Moment at={key.last_used_at} withDay />
                    </>
                  ) : (
                    "never used"
                  )}
                </p>
              </div>
              <Revoke id={key.id} name={key.name} action={revoke} />
            </li>
          ))}
        </ul>
      )}
      {state.key && (
        <div className="mb-4">
          <Notice tone="good" title="Copy the key now: it is not shown again." live>
            <div className="mt-2">
              <CopyLine text={state.key} label="Copy the API key" prompt="" />
            </div>
          </Notice>
        </div>
      )}
      <form ref={form} {...sending} className="grid gap-3">
        <Field id="api-name" label="Name" error={nameError}>
          <Input
            {...tied("api-name", nameError)}
            name="name"
            required
            maxLength={80}
            autoComplete="off"
            placeholder="ci"
          />
        </Field>
        <fieldset className="grid gap-1.5" aria-describedby={scopesError && "api-scopes-error"}>
          <legend className="mb-1 font-[560] text-small">Scopes</legend>
          {SCOPES.map(({ scope, words }) => (
            <label key={scope} className="flex min-h-6 items-center gap-2 text-cell">
              <input
                type="checkbox"
                name="scopes"
                value={scope}
                defaultChecked={scope === "read"}
                className="accent-buoy"
              />
              {words}
            </label>
          ))}
          {scopesError && (
            <p id="api-scopes-error" className="font-[560] text-bad text-small">
              {scopesError}
            </p>
          )}
        </fieldset>
        <Refused state={state} shown={["name", "scopes"]} />
        <div>
          <Submit waiting="Making…" busy={pending}>
            Make a key
          </Submit>
        </div>
      </form>
    </Panel>
  );
}
