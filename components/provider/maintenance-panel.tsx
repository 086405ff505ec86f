"use client";
// Announced maintenance: the windows that stand, a form for another, and cancelling.
import { useActionState, useEffect, useState } from "react";
import type { MaintenanceView } from "../../protocol/provider-views.ts";
import { Panel } from "../shell/page.tsx";
import { Button } from "../ui/button.tsx";
import { Dialog, DialogClose } from "../ui/dialog.tsx";
import { Field, Input, Select, tied } from "../ui/field.tsx";
import { type FormAction, fieldError, UNTOUCHED } from "../ui/form-state.ts";
import { Refused } from "../ui/refused.tsx";
import { roughSpan } from "../ui/span.ts";
import { Submit } from "../ui/submit.tsx";
import { Moment } from "../ui/time.tsx";
import { useForm } from "../ui/use-form.ts";

interface MaintenanceProps {
  readonly windows: readonly MaintenanceView[];
  readonly announce: FormAction;
  readonly cancel: FormAction;
  readonly idempotencyKey: string;
}

const MINUTE_MS = 60_000;
const LENGTHS = [
  [30, "30 minutes"],
  [60, "1 hour"],
  [120, "2 hours"],
  [180, "3 hours"],
  [240, "4 hours"],
] as const;

export function MaintenancePanel({ windows, announce, cancel, idempotencyKey }: MaintenanceProps) {
  const [open, setOpen] = useState(false);
  return (
    <Panel title="Maintenance">
      {windows.length === 0 && (
        <p className="text-cell text-ink-2">
          None is announced. Announce it a day ahead: no new work reaches into it, and being out of reach then costs no
          reputation.
        </p>
      )}
      <ul>
        {windows.map((window) => (
          <li key={window.id} className="grid gap-1 border-line border-b py-2 text-cell first:pt-0 last:border-b-0">
            <p>
              {window.open ? "Now, until " : ""}
              <Moment at={window.open ? window.ends_at : window.starts_at} withDay />
              {!window.open && ` for ${roughSpan(Date.parse(window.ends_at) - Date.parse(window.starts_at))}`}
            </p>
            <p className="text-ink-2 text-small">{window.reason}</p>
            <Cancel window={window} action={cancel} />
          </li>
        ))}
      </ul>
      <div className="mt-3">
        <Dialog
          title="Announce maintenance"
          description="At least 24 hours ahead, at most 4 hours in any 30 days. Rentals that run then are told, and not charged while it is out of reach."
          trigger={<Button small>Announce maintenance</Button>}
          open={open}
          onOpenChange={setOpen}
        >
          <AnnounceForm action={announce} idempotencyKey={idempotencyKey} onDone={() => setOpen(false)} />
        </Dialog>
      </div>
    </Panel>
  );
}

function Cancel({ window, action }: { readonly window: MaintenanceView; readonly action: FormAction }) {
  const [state, send] = useActionState(action, UNTOUCHED);
  return (
    <form action={send} className="grid justify-items-start gap-1">
      <input type="hidden" name="window" value={window.id} />
      <Submit small waiting="Cancelling…" label={`Cancel the maintenance: ${window.reason}`}>
        Cancel it
      </Submit>
      <Refused state={state} />
    </form>
  );
}

const two = (value: number) => String(value).padStart(2, "0");

/** What `datetime-local` shows: the reader's own zone, whole minutes. */
function inputTime(at: Date): string {
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** The next whole hour that is more than a day away. */
function firstStart(): string {
  const hour = 60 * MINUTE_MS;
  return inputTime(new Date(Math.ceil((Date.now() + 24.25 * hour) / hour) * hour));
}

function AnnounceForm({
  action,
  idempotencyKey,
  onDone,
}: Pick<MaintenanceProps, "idempotencyKey"> & { readonly action: FormAction; readonly onDone: () => void }) {
  const { state, pending, form } = useForm(action, UNTOUCHED);
  const [start, setStart] = useState(firstStart);
  const [minutes, setMinutes] = useState(60);
  // The page reads itself again every few seconds and brings new keys; this form keeps the one it opened with.
  const [key] = useState(idempotencyKey);
  useEffect(() => {
    if (state.done > 0) onDone();
  }, [state.done, onDone]);
  const startMs = Date.parse(start); // without a zone: the reader's own
  const at = (ms: number) => (Number.isNaN(ms) ? "" : new Date(ms).toISOString());
  const [startError, endError, reasonError] = ["starts_at", "ends_at", "reason"].map((name) => fieldError(state, name));
  return (
    <form {...form} className="grid gap-3">
      <input type="hidden" name="idempotency_key" value={`${key}-${start}-${minutes}`} />
      <input type="hidden" name="starts_at" value={at(startMs)} />
      <input type="hidden" name="ends_at" value={at(startMs + minutes * MINUTE_MS)} />
      <Field id="maintenance-start" label="Starts" hint="In your own time zone." error={startError}>
        <Input
          {...tied("maintenance-start", startError, true)}
          type="datetime-local"
          required
          value={start}
          onChange={({ target }) => setStart(target.value)}
        />
      </Field>
      <Field id="maintenance-length" label="Takes" error={endError}>
        <Select
          {...tied("maintenance-length", endError)}
          value={minutes}
          onChange={({ target }) => setMinutes(Number(target.value))}
        >
          {LENGTHS.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </Select>
      </Field>
      <Field id="maintenance-reason" label="What for" hint="Customers read it." error={reasonError}>
        <Input
          {...tied("maintenance-reason", reasonError, true)}
          name="reason"
          required
          maxLength={200}
          autoComplete="off"
          placeholder="A new driver"
        />
      </Field>
      <Refused state={state} shown={["starts_at", "ends_at", "reason"]} />
      <div className="flex justify-end gap-2">
        <DialogClose asChild>
          <Button>Not now</Button>
        </DialogClose>
        <Submit tone="go" waiting="Announcing…" busy={pending}>
          Announce
        </Submit>
      </div>
    </form>
  );
}
