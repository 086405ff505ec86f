"use client";
// Who is logged in, and the way out.
import { useActionState } from "react";
import { Panel } from "../shell/page.tsx";
import { type FormAction, UNTOUCHED } from "../ui/form-state.ts";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";

export function Session({ address, logOut }: { readonly address: string; readonly logOut: FormAction }) {
  const [state, send] = useActionState(logOut, UNTOUCHED);
  return (
    <Panel title="Session">
      <p className="text-cell">
        Logged in as <span className="num [overflow-wrap:anywhere]">{address}</span>, for 24 hours from the signature.
      </p>
      <form action={send} className="mt-3 grid justify-items-start gap-3">
        <Refused state={state} />
        <Submit waiting="Logging out…">Log out</Submit>
      </form>
    </Panel>
  );
}
