"use client";
// One appeal: what was lost, what its owner says, and the answer, or the form to give one.
import Link from "next/link";
import type { AppealView } from "../../protocol/provider-views.ts";
import { Field, TextArea, tied } from "../ui/field.tsx";
import { type FormAction, fieldError, UNTOUCHED } from "../ui/form-state.ts";
import { Notice } from "../ui/notice.tsx";
import { Refused } from "../ui/refused.tsx";
import { shortAddress } from "../ui/span.ts";
import { Submit } from "../ui/submit.tsx";
import { Moment } from "../ui/time.tsx";
import { useForm } from "../ui/use-form.ts";

interface AppealProps {
  readonly appeal: AppealView;
  /** when the server read it */
  readonly now: string;
  readonly decide: FormAction;
}

export function Appeal({ appeal, now, decide }: AppealProps) {
  const { provider_name: name, delta, reason } = appeal;
  return (
    <article className="sheet p-4" aria-label={`Appeal of ${name}`}>
      <header className="mb-3 flex flex-wrap items-baseline justify-between gap-x-4 gap-y-1">
        <h2>
          <Link className="link" href={`/operator/providers/${appeal.provider_id}`} prefetch={false}>
            {name}
          </Link>{" "}
          lost <span className="num">{-delta}</span> points: {reason}
        </h2>
        <span className="text-ink-3 text-small">
          <Moment at={appeal.event_at} withDay />
        </span>
      </header>
      <blockquote className="max-w-[72ch] border-line-strong border-l-2 pl-3 text-cell [overflow-wrap:anywhere]">
        {appeal.text}
      </blockquote>
      <p className="mt-2 text-ink-3 text-small">
        appealed <Moment at={appeal.at} withDay />
        {appeal.decision === null && (
          <>
            {" "}
            · an answer is owed by <Moment at={appeal.due_at} withDay />
          </>
        )}
      </p>
      <div className="mt-4">
        {appeal.decision === null ? (
          <>
            {appeal.due_at < now && <Notice tone="bad">The answer is overdue.</Notice>}
            <Answer appeal={appeal} decide={decide} />
          </>
        ) : (
          <Notice tone={appeal.decision === "granted" ? "good" : "plain"} title={appeal.decision}>
            <p className="[overflow-wrap:anywhere]">{appeal.reply}</p>
            <p className="mt-1 text-ink-2 text-small">
              {appeal.decided_at && <Moment at={appeal.decided_at} withDay />}
              {appeal.decided_by && (
                <>
                  {" "}
                  by{" "}
                  <span className="num" title={appeal.decided_by}>
                    {shortAddress(appeal.decided_by)}
                  </span>
                </>
              )}
            </p>
          </Notice>
        )}
      </div>
    </article>
  );
}

function Answer({ appeal, decide }: Pick<AppealProps, "appeal" | "decide">) {
  const { state, pending, form } = useForm(decide, UNTOUCHED);
  const id = `reply-${appeal.id}`;
  const error = fieldError(state, "reply");
  return (
    <form {...form} className="grid max-w-[40rem] gap-3">
      <fieldset className="grid gap-1.5">
        <legend className="mb-1 font-[560] text-small">Decision</legend>
        <label className="flex min-h-6 items-center gap-2 text-cell">
          <input type="radio" name="decision" value="granted" required className="accent-buoy" />
          Grant it: the {-appeal.delta} points come back
        </label>
        <label className="flex min-h-6 items-center gap-2 text-cell">
          <input type="radio" name="decision" value="upheld" required className="accent-buoy" />
          Uphold the loss
        </label>
      </fieldset>
      <Field id={id} label="Reply to the owner" error={error}>
        <TextArea
          {...tied(id, error)}
          name="reply"
          required
          maxLength={2000}
          rows={3}
          className="font-sans text-cell"
        />
      </Field>
      <Refused state={state} shown={["reply"]} />
      <div>
        <Submit waiting="Answering…" busy={pending}>
          Answer
        </Submit>
      </div>
    </form>
  );
}
