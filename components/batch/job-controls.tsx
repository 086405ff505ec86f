"use client";
// The controls of the submit form, in four groups: what runs, on what, how sure, and within which limits.
import type { ReactNode } from "react";
import { MAX_RESULT_BYTES } from "../../domain/job/batch.ts";
import { Field, Input, Select, TextArea, tied } from "../ui/field.tsx";
import { gpuName } from "../ui/gpu-name.ts";
import type { JobField, JobText } from "./job-fields.ts";
import { COMPARATOR_WORDS, panelSentences } from "./panel-words.ts";

export interface ControlsProps {
  readonly form: JobText;
  readonly models: readonly string[];
  readonly error: (field: string) => string | undefined;
  readonly onChange: (field: JobField, value: string) => void;
}

type Bound = (
  field: JobField,
  hasHint?: boolean,
) => ReturnType<typeof tied> & {
  readonly value: string;
  readonly onChange: (event: { readonly target: { readonly value: string } }) => void;
};

function bind({ form, error, onChange }: ControlsProps): Bound {
  return (field, hasHint = false) => ({
    ...tied(field, error(field), hasHint),
    value: form[field],
    onChange: (event) => onChange(field, event.target.value),
  });
}

function Group({ title, children }: { readonly title: string; readonly children: ReactNode }) {
  return (
    <fieldset className="border-line border-t pt-4 first:border-t-0 first:pt-0">
      <legend className="float-left w-full font-[620] text-body">{title}</legend>
      <div className="clear-both grid grid-cols-2 gap-4 pt-3 sm:grid-cols-6">{children}</div>
    </fieldset>
  );
}

export function JobControls(props: ControlsProps) {
  return (
    <>
      <WhatRuns {...props} />
      <OnWhat {...props} />
      <HowSure {...props} />
      <Limits {...props} />
    </>
  );
}

function WhatRuns(props: ControlsProps) {
  const { form, error } = props;
  const bound = bind(props);
  return (
    <Group title="What runs">
      <Field id="name" label="Name" error={error("name")} className="col-span-2 sm:col-span-2">
        <Input {...bound("name")} maxLength={255} />
      </Field>
      <Field
        id="docker_image"
        label="Image"
        hint="machines that run plain processes do not use it"
        error={error("docker_image")}
        className="col-span-2 sm:col-span-4"
      >
        <Input {...bound("docker_image", true)} placeholder="alpine:3.20" spellCheck={false} />
      </Field>
      <Field
        id="command"
        label="Command"
        hint={
          form.command.trim() === ""
            ? "Empty: the image's own entrypoint runs, on machines that run images only."
            : "Program and arguments, one a line, in the place of the image's entrypoint; or a JSON array. No shell unless you name one."
        }
        error={error("command")}
        className="col-span-2 sm:col-span-6"
      >
        <TextArea {...bound("command", true)} rows={4} placeholder={"sh\n-c\nseq 1 1000000 | sha256sum"} />
      </Field>
      <Field
        id="input_data"
        label="Input"
        hint="on its stdin; 256 KiB"
        error={error("input_data")}
        className="col-span-2 sm:col-span-3"
      >
        <TextArea {...bound("input_data", true)} rows={3} />
      </Field>
      <Field
        id="environment"
        label="Environment"
        hint="NAME=value, one a line; kept sealed"
        error={error("environment")}
        className="col-span-2 sm:col-span-3"
      >
        <TextArea {...bound("environment", true)} rows={3} />
      </Field>
      <Field id="description" label="Description" error={error("description")} className="col-span-2 sm:col-span-6">
        <Input {...bound("description")} maxLength={4096} placeholder="for you to know it by" />
      </Field>
    </Group>
  );
}

function OnWhat(props: ControlsProps) {
  const { form, models, error, onChange } = props;
  const bound = bind(props);
  const withoutGpu = form.gpu_count.trim() === "0" || form.gpu_count.trim() === "";
  return (
    <Group title="On what">
      <Field id="required_cpu" label="Cores" error={error("required_cpu")} className="sm:col-span-1">
        <Input {...bound("required_cpu")} type="number" min={1} max={512} />
      </Field>
      <Field id="required_memory" label="Memory, GB" error={error("required_memory")} className="sm:col-span-1">
        <Input {...bound("required_memory")} type="number" min={1} max={4096} />
      </Field>
      <Field id="gpu_count" label="GPUs" error={error("gpu_count")} className="sm:col-span-1">
        <Input {...bound("gpu_count")} type="number" min={0} max={64} />
      </Field>
      <Field id="gpu_type" label="GPU model" error={error("gpu_type")} className="col-span-2 sm:col-span-3">
        <Select {...bound("gpu_type")} disabled={withoutGpu && form.gpu_type === ""}>
          <option value="">{withoutGpu ? "no GPU" : "any"}</option>
          {[...new Set([...models, ...(form.gpu_type ? [form.gpu_type] : [])])].map((model) => (
            <option key={model} value={model}>
              {gpuName(model)}
            </option>
          ))}
        </Select>
      </Field>
      <Tick
        field="network"
        form={form}
        onChange={onChange}
        words="Network"
        hint="off: results that come from the network are seldom the same twice"
      />
    </Group>
  );
}

/** A number that the form holds as text, for sentences about it. */
function figure(text: string, otherwise: number): number {
  return /^\d$/.test(text.trim()) ? Number(text) : otherwise;
}

function HowSure(props: ControlsProps) {
  const { form, error } = props;
  const bound = bind(props);
  const sentences = panelSentences({
    redundancy: figure(form.redundancy, 3),
    consensus: figure(form.consensus, 2),
    assurance: form.assurance === "high" ? "high" : "standard",
    dispatch: form.dispatch === "eager" ? "eager" : "lazy",
  });
  return (
    <Group title="How sure">
      <Field id="assurance" label="Assurance" error={error("assurance")} className="col-span-2 sm:col-span-2">
        <Select {...bound("assurance")}>
          <option value="standard">standard</option>
          <option value="high">high: three owners</option>
        </Select>
      </Field>
      <Field id="consensus" label="Agreeing owners" error={error("consensus")} className="sm:col-span-1">
        <Input {...bound("consensus")} type="number" min={1} max={5} />
      </Field>
      <Field id="redundancy" label="Runs paid" error={error("redundancy")} className="sm:col-span-1">
        <Input {...bound("redundancy")} type="number" min={1} max={7} />
      </Field>
      <Field id="dispatch" label="Dispatch" error={error("dispatch")} className="col-span-2 sm:col-span-2">
        <Select {...bound("dispatch")}>
          <option value="lazy">lazy: no more than needed</option>
          <option value="eager">eager: all at once</option>
        </Select>
      </Field>
      <div className="col-span-2 text-cell text-ink-2 sm:col-span-6">
        {sentences.map((sentence) => (
          <p key={sentence}>{sentence}</p>
        ))}
      </div>
      <Field id="comparator" label="Results are equal" error={error("comparator")} className="col-span-2 sm:col-span-4">
        <Select {...bound("comparator")}>
          {Object.entries(COMPARATOR_WORDS).map(([kind, words]) => (
            <option key={kind} value={kind}>
              {words}
            </option>
          ))}
        </Select>
      </Field>
      {form.comparator === "numeric" && (
        <>
          <Field id="rtol" label="Relative" error={error("comparator.rtol")} className="sm:col-span-1">
            <Input {...bound("rtol")} inputMode="decimal" />
          </Field>
          <Field id="atol" label="Absolute" error={error("comparator.atol")} className="sm:col-span-1">
            <Input {...bound("atol")} inputMode="decimal" />
          </Field>
        </>
      )}
    </Group>
  );
}

function Limits(props: ControlsProps) {
  const { form, error, onChange } = props;
  const bound = bind(props);
  return (
    <Group title="Output and limits">
      <Field
        id="files"
        label="Output files"
        hint={`one a line, relative to where it starts; with stdout at most ${MAX_RESULT_BYTES / 1024 / 1024} MiB`}
        error={error("files")}
        className="col-span-2 sm:col-span-6"
      >
        <TextArea {...bound("files", true)} rows={2} placeholder="out/result.json" />
      </Field>
      <Field
        id="timeout_seconds"
        label="Timeout, s"
        hint="of one run"
        error={error("timeout_seconds")}
        className="col-span-2 sm:col-span-2"
      >
        <Input {...bound("timeout_seconds", true)} type="number" min={1} max={86_400} />
      </Field>
      <Field
        id="queue_timeout"
        label="Waits at most, s"
        hint="for machines"
        error={error("queue_timeout")}
        className="col-span-2 sm:col-span-2"
      >
        <Input {...bound("queue_timeout", true)} type="number" min={1} max={86_400} />
      </Field>
      <Field
        id="max_price"
        label="At most, $ per hour"
        hint="of one run"
        error={error("max_price")}
        className="col-span-2 sm:col-span-2"
      >
        <Input {...bound("max_price", true)} inputMode="decimal" placeholder="what the market asks" />
      </Field>
      <Tick
        field="reusable"
        form={form}
        onChange={onChange}
        words="May be used to check machines"
        hint="Berth may run it again, at its own cost; only without network and environment"
      />
    </Group>
  );
}

interface TickProps {
  readonly field: "network" | "reusable";
  readonly form: JobText;
  readonly onChange: ControlsProps["onChange"];
  readonly words: string;
  readonly hint: string;
}

function Tick({ field, form, onChange, words, hint }: TickProps) {
  return (
    <label className="flex items-baseline gap-2.5 text-cell col-span-2 sm:col-span-6">
      <input
        type="checkbox"
        className="translate-y-0.5 accent-[var(--buoy)]"
        checked={form[field] === "true"}
        onChange={(event) => onChange(field, event.target.checked ? "true" : "")}
      />
      <span>
        <span className="font-[560]">{words}</span> <span className="text-ink-3 text-small">{hint}</span>
      </span>
    </label>
  );
}
