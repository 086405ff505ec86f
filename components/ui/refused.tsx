// Why a form was refused, as far as no field says it.
import { type FormState, restOf } from "./form-state.ts";
import { Notice } from "./notice.tsx";

export function Refused({ state, shown = [] }: { readonly state: FormState; readonly shown?: readonly string[] }) {
  const rest = restOf(state, shown);
  if (!state.refusal || rest.length === 0) return null;
  return (
    <Notice tone={state.refusal.code === "unauthenticated" ? "wait" : "bad"} title={state.refusal.title} live>
      {rest.map((sentence) => (
        <p key={sentence}>{sentence}</p>
      ))}
    </Notice>
  );
}
