"use client";
// Asks once before a job that runs is cancelled.
import { useActionState } from "react";
import { Button } from "../ui/button.tsx";
import { Dialog, DialogClose } from "../ui/dialog.tsx";
import { type FormAction, UNTOUCHED } from "../ui/form-state.ts";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";

export function CancelDialog({ name, action }: { readonly name: string; readonly action: FormAction }) {
  const [state, send] = useActionState(action, UNTOUCHED);
  return (
    <Dialog
      title={`Cancel ${name}?`}
      description="What runs is stopped and paid up to now; the rest of what was held goes back to your balance. There will be no result."
      trigger={<Button>Cancel</Button>}
    >
      <form action={send} className="grid gap-3">
        <Refused state={state} />
        <div className="flex justify-end gap-2">
          <DialogClose asChild>
            <Button>Let it run</Button>
          </DialogClose>
          <Submit tone="bad" waiting="Cancelling…">
            Cancel the job
          </Submit>
        </div>
      </form>
    </Dialog>
  );
}
