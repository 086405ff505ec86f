"use client";
// Asks for a new price; what runs keeps the one it began with.
import { useEffect, useState } from "react";
import { Button } from "../ui/button.tsx";
import { Dialog, DialogClose } from "../ui/dialog.tsx";
import { Field, Input, tied } from "../ui/field.tsx";
import { type FormAction, fieldError, UNTOUCHED } from "../ui/form-state.ts";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";
import { useForm } from "../ui/use-form.ts";

interface PriceProps {
  readonly action: FormAction;
  /** decimal strings of USD */
  readonly perGpuHour: string;
  readonly perCpuHour: string;
}

const FIELDS = ["price_per_gpu_hour", "price_per_cpu_hour"] as const;

export function PriceDialog(props: PriceProps) {
  const [open, setOpen] = useState(false);
  return (
    <Dialog
      title="Change the price"
      description="It applies to new jobs only: those that run keep the price they began with."
      trigger={<Button small>Change the price</Button>}
      open={open}
      onOpenChange={setOpen}
    >
      <PriceForm {...props} onDone={() => setOpen(false)} />
    </Dialog>
  );
}

function PriceForm({ action, perGpuHour, perCpuHour, onDone }: PriceProps & { readonly onDone: () => void }) {
  const { state, pending, form } = useForm(action, UNTOUCHED);
  useEffect(() => {
    if (state.done > 0) onDone();
  }, [state.done, onDone]);
  const [gpuError, cpuError] = FIELDS.map((field) => fieldError(state, field));
  return (
    <form {...form} className="grid gap-3">
      <Field id="price-gpu" label="USD per GPU and hour" error={gpuError}>
        <Input
          {...tied("price-gpu", gpuError)}
          name="price_per_gpu_hour"
          inputMode="decimal"
          required
          autoComplete="off"
          defaultValue={perGpuHour}
        />
      </Field>
      <Field
        id="price-cpu"
        label="USD per core and hour"
        hint="4 GB of memory and 25 GB of disk go with a core."
        error={cpuError}
      >
        <Input
          {...tied("price-cpu", cpuError, true)}
          name="price_per_cpu_hour"
          inputMode="decimal"
          required
          autoComplete="off"
          defaultValue={perCpuHour}
        />
      </Field>
      <Refused state={state} shown={FIELDS} />
      <div className="flex justify-end gap-2">
        <DialogClose asChild>
          <Button>Not now</Button>
        </DialogClose>
        <Submit tone="go" waiting="Changing…" busy={pending}>
          Change the price
        </Submit>
      </div>
    </form>
  );
}
