"use client";
// Keeps the search that is shown, with a price alert where one is wanted.
import Link from "next/link";
import { Field, Input, tied } from "../ui/field.tsx";
import { type FormAction, fieldError, UNTOUCHED } from "../ui/form-state.ts";
import { Notice } from "../ui/notice.tsx";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";
import { useForm } from "../ui/use-form.ts";

interface SaveSearchProps {
  /** the search as text */
  readonly search: string;
  /** what it is about, as a name to begin with */
  readonly words: string;
  readonly save: FormAction;
}

const SHOWN = ["name", "alert_at_or_below"];

export function SaveSearch({ search, words, save }: SaveSearchProps) {
  const { state, pending, form } = useForm(save, UNTOUCHED);
  const nameError = fieldError(state, "name");
  const priceError = fieldError(state, "alert_at_or_below");
  return (
    <details
      className="rounded-std border border-line"
      open={state.refusal !== null || state.done > 0 ? true : undefined}
    >
      <summary className="px-3 py-2 font-[560] text-cell">Save this search</summary>
      <form {...form} className="grid gap-3 border-line border-t p-3 sm:grid-cols-[1fr_12rem_auto] sm:items-start">
        <input type="hidden" name="query" value={search} />
        <Field id="save-name" label="Name" error={nameError}>
          <Input
            {...tied("save-name", nameError)}
            name="name"
            required
            maxLength={80}
            autoComplete="off"
            defaultValue={words.slice(0, 80)}
          />
        </Field>
        <Field
          id="save-price"
          label="Tell me at or below, $/h"
          hint="Per GPU hour. Leave it empty for no alert."
          error={priceError}
        >
          <Input
            {...tied("save-price", priceError, true)}
            name="alert_at_or_below"
            inputMode="decimal"
            autoComplete="off"
          />
        </Field>
        <div className="sm:pt-[1.45rem]">
          <Submit waiting="Saving…" busy={pending}>
            Save
          </Submit>
        </div>
        <div className="sm:col-span-3">
          <Refused state={state} shown={SHOWN} />
          {state.done > 0 && !state.refusal && (
            <Notice tone="good" title="Saved" live>
              <p>
                It is among{" "}
                <Link className="link" href="/searches">
                  your searches
                </Link>
                ; the next look at the market is less than a minute away.
              </p>
            </Notice>
          )}
        </div>
      </form>
    </details>
  );
}
