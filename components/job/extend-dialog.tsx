"use client";
// Holds more hours at the rate the rental began with.
import { useActionState, useEffect, useState } from "react";
import { priceOfHours } from "../../domain/money/charge.ts";
import { formatMicros, parseMicros } from "../../domain/money/micros.ts";
import { Button } from "../ui/button.tsx";
import { Dialog, DialogClose } from "../ui/dialog.tsx";
import { Field, Input, tied } from "../ui/field.tsx";
import { type FormAction, fieldError, UNTOUCHED } from "../ui/form-state.ts";
import { Money } from "../ui/money.tsx";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";

interface ExtendDialogProps {
  readonly action: FormAction;
  readonly pricePerHour: string;
  /** hours that may still be added */
  readonly mostHours: number;
  /** makes a second press of the same form one extension */
  readonly idempotencyKey: string;
}

export function ExtendDialog(props: ExtendDialogProps) {
  const [open, setOpen] = useState(false);
  return (
    <Dialog
      title="Extend the rental"
      description="The rate stays as it was. The price of the added hours is held now; what is not used goes back."
      trigger={<Button>Extend</Button>}
      open={open}
      onOpenChange={setOpen}
    >
      <ExtendForm {...props} onDone={() => setOpen(false)} />
    </Dialog>
  );
}

function ExtendForm({
  action,
  pricePerHour,
  mostHours,
  idempotencyKey,
  onDone,
}: ExtendDialogProps & { readonly onDone: () => void }) {
  const [state, send] = useActionState(action, UNTOUCHED);
  const [hours, setHours] = useState("1");
  // The page reads itself again every few seconds and brings new keys; this form keeps the one it opened with.
  const [key] = useState(idempotencyKey);
  useEffect(() => {
    if (state.done > 0) onDone();
  }, [state.done, onDone]);
  const rate = parseMicros(pricePerHour);
  const count = /^\d{1,3}$/.test(hours) ? Number(hours) : null;
  const refused = fieldError(state, "hours");
  return (
    <form action={send} className="grid gap-3">
      <input type="hidden" name="idempotency_key" value={key} />
      <Field id="extend-hours" label="Hours to add" hint={`At most ${mostHours} more.`} error={refused}>
        <Input
          {...tied("extend-hours", refused, true)}
          name="hours"
          type="number"
          min={1}
          max={mostHours}
          required
          value={hours}
          onChange={(event) => setHours(event.target.value)}
        />
      </Field>
      {rate !== null && count !== null && (
        <p className="flex justify-between text-cell">
          <span>Held now</span>
          <Money usd={formatMicros(priceOfHours(rate, count))} />
        </p>
      )}
      <Refused state={state} shown={["hours"]} />
      <div className="flex justify-end gap-2">
        <DialogClose asChild>
          <Button>Not now</Button>
        </DialogClose>
        <Submit tone="go" waiting="Extending…">
          Extend
        </Submit>
      </div>
    </form>
  );
}
