"use client";
// Takes no new work, or takes work again. What runs goes on to its end.
import { useActionState } from "react";
import { type FormAction, UNTOUCHED } from "../ui/form-state.ts";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";

export function DrainButton({ draining, action }: { readonly draining: boolean; readonly action: FormAction }) {
  const [state, send] = useActionState(action, UNTOUCHED);
  return (
    <form action={send} className="grid gap-2">
      <input type="hidden" name="draining" value={draining ? "false" : "true"} />
      <Submit waiting={draining ? "Resuming…" : "Draining…"}>{draining ? "Take work again" : "Drain"}</Submit>
      <Refused state={state} />
    </form>
  );
}
