"use client";
// Appeals a loss of reputation, once.
import { useEffect, useState } from "react";
import { Button } from "../ui/button.tsx";
import { Dialog, DialogClose } from "../ui/dialog.tsx";
import { Field, TextArea, tied } from "../ui/field.tsx";
import { type FormAction, fieldError, UNTOUCHED } from "../ui/form-state.ts";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";
import { useForm } from "../ui/use-form.ts";

interface AppealProps {
  readonly eventId: number;
  readonly points: number;
  readonly action: FormAction;
}

export function AppealDialog(props: AppealProps) {
  const [open, setOpen] = useState(false);
  return (
    <Dialog
      title={`Appeal the loss of ${props.points} points`}
      description="An operator reads it and answers within 14 days. A loss can be appealed once."
      trigger={<Button small>Appeal</Button>}
      open={open}
      onOpenChange={setOpen}
    >
      <AppealForm {...props} onDone={() => setOpen(false)} />
    </Dialog>
  );
}

function AppealForm({ eventId, action, onDone }: AppealProps & { readonly onDone: () => void }) {
  const { state, pending, form } = useForm(action, UNTOUCHED);
  useEffect(() => {
    if (state.done > 0) onDone();
  }, [state.done, onDone]);
  const error = fieldError(state, "text");
  return (
    <form {...form} className="grid gap-3">
      <input type="hidden" name="reputation_event_id" value={eventId} />
      <Field id="appeal-text" label="What happened" error={error}>
        <TextArea {...tied("appeal-text", error)} name="text" required maxLength={2000} rows={5} />
      </Field>
      <Refused state={state} shown={["text"]} />
      <div className="flex justify-end gap-2">
        <DialogClose asChild>
          <Button>Not now</Button>
        </DialogClose>
        <Submit tone="go" waiting="Sending…" busy={pending}>
          Appeal
        </Submit>
      </div>
    </form>
  );
}
