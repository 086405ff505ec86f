"use client";
// Asks once before a rental and its storage are gone.
import { useActionState } from "react";
import { Button } from "../ui/button.tsx";
import { Dialog, DialogClose } from "../ui/dialog.tsx";
import { type FormAction, UNTOUCHED } from "../ui/form-state.ts";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";

export function StopDialog({ name, action }: { readonly name: string; readonly action: FormAction }) {
  const [state, send] = useActionState(action, UNTOUCHED);
  return (
    <Dialog
      title={`Stop ${name}?`}
      description="Storage ends with the rental: what is on its disk is gone for good. Billing ends now, and what was held and not used goes back to your balance."
      trigger={<Button>Stop</Button>}
    >
      <form action={send} className="grid gap-3">
        <Refused state={state} />
        <div className="flex justify-end gap-2">
          <DialogClose asChild>
            <Button>Keep it</Button>
          </DialogClose>
          <Submit tone="bad" waiting="Stopping…">
            Stop and delete its storage
          </Submit>
        </div>
      </form>
    </Dialog>
  );
}
