"use client";
// The submit page: a form and job.yaml over one text, the price beside them, the login only when it is sent.
import Link from "next/link";
import { useEffect, useRef, useState, useTransition } from "react";
import type { BatchEstimateView } from "../../protocol/batch.ts";
import { Button, buttonClass } from "../ui/button.tsx";
import { type FormAction, type Refusal, UNTOUCHED } from "../ui/form-state.ts";
import { Notice } from "../ui/notice.tsx";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";
import { useForm } from "../ui/use-form.ts";
import { LazyLogin } from "../wallet/login-button.tsx";
import type { LoginOptions } from "../wallet/options.ts";
import { asCli, asCurl } from "./copy-as.ts";
import { BatchEstimate } from "./estimate.tsx";
import { EXAMPLES } from "./examples.ts";
import { JobControls } from "./job-controls.tsx";
import { type JobField, textOf } from "./job-fields.ts";
import { type JobProblem, readJobYaml, withField } from "./job-yaml.ts";
import { YamlEditor } from "./yaml-editor.tsx";

export interface BatchAnswer {
  readonly estimate: BatchEstimateView | null;
  readonly refusal: Refusal | null;
}

interface SubmitFormProps {
  readonly yaml: string;
  readonly models: readonly string[];
  readonly first: BatchAnswer;
  readonly idempotencyKey: string;
  /** where the wire is, for curl */
  readonly origin: string;
  readonly login: LoginOptions;
  readonly submit: FormAction;
  readonly estimate: (yaml: string) => Promise<BatchAnswer>;
}

const ESTIMATE_AFTER_MS = 300;
const NO_PROBLEMS: readonly JobProblem[] = [];

export function SubmitForm(props: SubmitFormProps) {
  const { models, first, idempotencyKey, origin, login, submit, estimate } = props;
  const element = useRef<HTMLFormElement>(null);
  const { state, pending, form: sending } = useForm(submit, UNTOUCHED);
  const [yaml, setYaml] = useState(props.yaml);
  const [form, setForm] = useState(() => textOf(readJobYaml(props.yaml).body));
  const [lastGood, setLastGood] = useState(props.yaml);
  const [answer, setAnswer] = useState(first);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [counting, startCounting] = useTransition();
  const [asked, setAsked] = useState(false);
  const [loginOpen, setLoginOpen] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const newest = useRef(0);

  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    setRefusal(state.refusal);
    if (state.refusal?.code !== "unauthenticated") return;
    setAsked(true);
    setLoginOpen(true);
  }, [state]);

  function count(text: string) {
    clearTimeout(timer.current);
    setRefusal(null); // it was about another text
    timer.current = setTimeout(() => {
      const turn = ++newest.current;
      startCounting(async () => {
        const counted = await estimate(text);
        // An answer that was overtaken is about a text that is gone; the last price stays readable while it is mended.
        if (turn === newest.current)
          setAnswer((before) => ({ ...counted, estimate: counted.estimate ?? before.estimate }));
      });
    }, ESTIMATE_AFTER_MS);
  }

  function takeYaml(text: string) {
    setYaml(text);
    const { body } = readJobYaml(text);
    if (body === null) return;
    setForm(textOf(body));
    setLastGood(text);
    count(text);
  }

  function takeField(field: JobField, value: string) {
    const next = { ...form, [field]: value };
    const text = withField(yaml, field, next);
    setForm(next);
    setYaml(text);
    setLastGood(text);
    count(text);
  }

  const read = readJobYaml(yaml);
  const unreadable = read.problems.length > 0;
  const told = refusal ?? answer.refusal;
  const fields = unreadable ? [] : (told?.fields ?? []);
  const problems = unreadable
    ? read.problems
    : fields.length > 0
      ? fields.map(({ field, message }) => ({ field, message, line: read.lineOf(field) }))
      : NO_PROBLEMS;
  /** A list is one control, so it is told what is wrong with any of its entries. */
  const error = (field: string) => {
    const exact = fields.find((problem) => problem.field === field);
    if (exact) return exact.message;
    if (field === "comparator") return undefined;
    const inside = fields.find((problem) => problem.field.startsWith(`${field}.`));
    return inside && `${inside.field.slice(field.length + 1)}: ${inside.message}`;
  };
  const body = unreadable ? null : read.body;
  /** whatever names a key is told at its line */
  const marked = (refusal?.fields ?? []).map(({ field }) => field).filter(Boolean);

  return (
    <form ref={element} {...sending} noValidate className="grid gap-5">
      <input type="hidden" name="idempotency_key" value={idempotencyKey} />
      <nav aria-label="Examples" className="flex flex-wrap items-center gap-2 text-small">
        <span className="text-ink-3">Begin with</span>
        {EXAMPLES.map(({ slug, words, yaml: text }) => (
          <Link
            key={slug}
            className="chip"
            href={`/submit?example=${slug}`}
            scroll={false}
            replace
            aria-current={yaml === text ? "true" : undefined}
            onClick={() => takeYaml(text)}
          >
            {words}
          </Link>
        ))}
      </nav>
      <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_27rem]">
        <div className="sheet grid min-w-0 gap-5 p-4">
          {unreadable && (
            <Notice tone="bad" title="job.yaml cannot be read, so the form waits.">
              <p>Mend the line that is marked, or go back to the last that could be read.</p>
              <Button small className="mt-2" onClick={() => takeYaml(lastGood)}>
                Go back
              </Button>
            </Notice>
          )}
          <fieldset disabled={unreadable} className="grid gap-5 disabled:opacity-60">
            <JobControls form={form} models={models} error={error} onChange={takeField} />
          </fieldset>
          {refusal && <Refused state={{ refusal, done: 0 }} shown={marked} />}
          {marked.length > 0 && refusal && (
            <Notice tone="bad" title="Some fields are not valid." live>
              They are marked, here and in job.yaml.
            </Notice>
          )}
          <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
            <Submit tone="go" waiting="Submitting…" busy={pending}>
              Submit the job
            </Submit>
            <span className="flex flex-wrap gap-2">
              {body !== null && (
                <button type="button" className={buttonClass("plain", true)} data-copy={asCurl(origin, body)}>
                  Copy as curl
                </button>
              )}
              <button type="button" className={buttonClass("plain", true)} data-copy={asCli(yaml)}>
                Copy for the berth CLI
              </button>
            </span>
          </div>
        </div>
        <div className="grid min-w-0 gap-5 lg:sticky lg:top-4">
          <YamlEditor text={yaml} problems={problems} onChange={takeYaml} />
          <BatchEstimate estimate={answer.estimate} stale={counting} />
        </div>
      </div>
      {asked && (
        <LazyLogin
          options={login}
          open={loginOpen}
          onOpenChange={setLoginOpen}
          onLoggedIn={() => element.current?.requestSubmit()}
        />
      )}
    </form>
  );
}
