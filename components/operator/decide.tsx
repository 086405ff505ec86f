"use client";
// What an operator can decide about a machine: each asks once, and a refusal to people always carries its reason.
import { type ReactNode, useEffect, useState } from "react";
import type { OperatorProviderView } from "../../protocol/provider-views.ts";
import { Button, type Tone } from "../ui/button.tsx";
import { Dialog, DialogClose } from "../ui/dialog.tsx";
import { Field, TextArea, tied } from "../ui/field.tsx";
import { type FormAction, fieldError, UNTOUCHED } from "../ui/form-state.ts";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";
import { useForm } from "../ui/use-form.ts";

export interface Decisions {
  readonly approve: FormAction;
  readonly reject: FormAction;
  readonly suspend: FormAction;
}

type Subject = Pick<OperatorProviderView, "id" | "name" | "admission" | "live_executions" | "quarantine">;

interface DecideProps {
  readonly provider: Subject;
  readonly decisions: Decisions;
  /** what to look at before it is admitted */
  readonly checks: ReactNode;
  readonly small?: boolean;
}

/** The buttons that its admission allows. */
export function Decide({ provider, decisions, checks, small = true }: DecideProps) {
  const { name, admission, quarantine } = provider;
  const shared = { provider, small };
  const gone = admission === "removed";
  const lift = quarantine && (
    <Decision
      {...shared}
      words="Lift quarantine"
      label={`Lift quarantine of ${name}`}
      tone="plain"
      title={`Lift the quarantine of ${name}?`}
      description={
        gone
          ? `${quarantine.reason} It stays removed; other machines of its owner are held back by it no longer.`
          : `${quarantine.reason} It gets work again as soon as it is heard.`
      }
      confirm="Lift it"
      waiting="Deciding…"
      action={decisions.approve}
    />
  );
  if (gone) return lift ?? <span className="text-ink-3 text-small">gone for good</span>;
  if (admission === "approved") {
    return (
      <>
        {lift}
        <Decision
          {...shared}
          words="Suspend"
          tone="bad"
          title={`Suspend ${name}?`}
          description={`It takes no work, and ${runsThere(provider)}. Its owner and its customers read the reason.`}
          confirm="Suspend it"
          waiting="Suspending…"
          action={decisions.suspend}
          reason
        />
      </>
    );
  }
  return (
    <>
      <Decision
        {...shared}
        words={admission === "suspended" ? "Reinstate" : "Approve"}
        tone={admission === "pending" ? "go" : "plain"}
        title={admission === "suspended" ? `Reinstate ${name}?` : `Approve ${name}?`}
        description={<>It goes on the market as soon as it is heard. {checks}</>}
        confirm={admission === "suspended" ? "Reinstate it" : "Approve it"}
        waiting="Deciding…"
        action={decisions.approve}
      />
      {admission === "pending" && (
        <Decision
          {...shared}
          words="Reject"
          tone="plain"
          title={`Turn ${name} away?`}
          description="Its owner reads the reason. It can be approved later."
          confirm="Turn it away"
          waiting="Deciding…"
          action={decisions.reject}
          reason
        />
      )}
    </>
  );
}

function runsThere({ live_executions: live }: Subject): string {
  if (live === 0) return "nothing runs there now";
  return live === 1 ? "the execution that runs there ends" : `the ${live} executions that run there end`;
}

interface DecisionProps {
  readonly provider: Subject;
  readonly small: boolean;
  readonly words: string;
  /** what the button is called where its words and the machine's name make no sentence */
  readonly label?: string;
  readonly tone: Tone;
  readonly title: string;
  readonly description: ReactNode;
  readonly confirm: string;
  readonly waiting: string;
  readonly action: FormAction;
  /** whether one must be given */
  readonly reason?: boolean;
}

function Decision(props: DecisionProps) {
  const { provider, small, words, tone, title, description } = props;
  const { label = `${words} ${provider.name}` } = props;
  const [open, setOpen] = useState(false);
  return (
    <Dialog
      title={title}
      description={description}
      open={open}
      onOpenChange={setOpen}
      trigger={
        <Button tone={tone} small={small} aria-label={label}>
          {words}
        </Button>
      }
    >
      <DecisionForm {...props} onDone={() => setOpen(false)} />
    </Dialog>
  );
}

function DecisionForm(props: DecisionProps & { readonly onDone: () => void }) {
  const { provider, words, tone, action, confirm, waiting, reason = false, onDone } = props;
  const { state, pending, form } = useForm(action, UNTOUCHED);
  useEffect(() => {
    if (state.done > 0) onDone();
  }, [state.done, onDone]);
  const id = `${words.toLowerCase()}-${provider.id}`;
  const error = fieldError(state, "reason");
  return (
    <form {...form} className="grid gap-3">
      {reason && (
        <Field id={id} label="Reason" error={error}>
          <TextArea
            {...tied(id, error)}
            name="reason"
            required
            maxLength={500}
            rows={3}
            className="font-sans text-cell"
            placeholder="What was seen, and what its owner can do about it"
          />
        </Field>
      )}
      <Refused state={state} shown={reason ? ["reason"] : []} />
      <div className="flex flex-wrap justify-end gap-2">
        <DialogClose asChild>
          <Button>Leave it</Button>
        </DialogClose>
        <Submit tone={tone} waiting={waiting} busy={pending}>
          {confirm}
        </Submit>
      </div>
    </form>
  );
}
