"use client";
// Takes one thing of a list away, and says why where it cannot.
import { useActionState } from "react";
import { type FormAction, UNTOUCHED } from "../ui/form-state.ts";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";

interface RemoveProps {
  readonly id: string;
  /** said to those who do not see the list */
  readonly name: string;
  readonly action: FormAction;
}

export function Remove({ id, name, action }: RemoveProps) {
  const [state, send] = useActionState(action, UNTOUCHED);
  return (
    <form action={send} className="inline-grid gap-1">
      <input type="hidden" name="id" value={id} />
      <Submit small waiting="Removing…" label={`Remove ${name}`}>
        Remove
      </Submit>
      <Refused state={state} />
    </form>
  );
}
