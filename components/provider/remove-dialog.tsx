"use client";
// Asks once before a machine leaves for good.
import { useActionState } from "react";
import { Button } from "../ui/button.tsx";
import { Dialog, DialogClose } from "../ui/dialog.tsx";
import { type FormAction, UNTOUCHED } from "../ui/form-state.ts";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";

export function RemoveDialog({ name, action }: { readonly name: string; readonly action: FormAction }) {
  const [state, send] = useActionState(action, UNTOUCHED);
  return (
    <Dialog
      title={`Remove ${name}?`}
      description="It leaves the market for good, and its key enrols nothing any more: to come back, the machine needs a new key and a new name. What it earned stays yours, and its history stays."
      trigger={<Button>Remove</Button>}
    >
      <form action={send} className="grid gap-3">
        <Refused state={state} />
        <div className="flex justify-end gap-2">
          <DialogClose asChild>
            <Button>Keep it</Button>
          </DialogClose>
          <Submit tone="bad" waiting="Removing…">
            Remove it for good
          </Submit>
        </div>
      </form>
    </Dialog>
  );
}
