"use client";
// The rent form: every refusal beside its field, the price beside the form, the login only when it is sent.
import Link from "next/link";
import { useEffect, useRef, useState, useTransition } from "react";
import type { SshKeyView } from "../../protocol/account-views.ts";
import type { EstimateView, TemplateView } from "../../protocol/job-views.ts";
import { Field, Input, Select, tied } from "../ui/field.tsx";
import { type FormAction, fieldError, type Refusal, UNTOUCHED } from "../ui/form-state.ts";
import { gpuName } from "../ui/gpu-name.ts";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";
import { useForm } from "../ui/use-form.ts";
import { LazyLogin } from "../wallet/login-button.tsx";
import type { LoginOptions } from "../wallet/options.ts";
import { EstimatePanel } from "./estimate-panel.tsx";
import { SshChoice } from "./ssh-choice.tsx";
import { TemplateChoice } from "./template-choice.tsx";
import { readWish, type WishText } from "./wish.ts";

export interface EstimateAnswer {
  readonly estimate: EstimateView | null;
  readonly refusal: Refusal | null;
}

interface RentFormProps {
  readonly wish: WishText;
  /** the provider that was chosen on the market, by name; null where any may be */
  readonly providerName: string | null;
  readonly models: readonly string[];
  readonly templates: readonly TemplateView[];
  readonly sshKeys: readonly SshKeyView[];
  readonly first: EstimateAnswer;
  readonly idempotencyKey: string;
  readonly login: LoginOptions;
  readonly rent: FormAction;
  readonly estimate: (wish: WishText) => Promise<EstimateAnswer>;
}

const ESTIMATE_AFTER_MS = 250;
const SHOWN = [
  "gpu_type",
  "gpu_count",
  "duration_hours",
  "cpu_cores",
  "memory_gb",
  "storage_gb",
  "template",
  "image",
  "http_port",
  "max_price",
  "name",
  "ssh_public_key",
];

export function RentForm(props: RentFormProps) {
  const { wish, providerName, models, templates, sshKeys, first, idempotencyKey, login, rent, estimate } = props;
  const form = useRef<HTMLFormElement>(null);
  const { state, pending, form: sending } = useForm(rent, UNTOUCHED);
  const [answer, setAnswer] = useState(first);
  const [counting, startCounting] = useTransition();
  const [gpuCount, setGpuCount] = useState(wish.gpu_count ?? "1");
  const [template, setTemplate] = useState(wish.template ?? "");
  const [sshChoice, setSshChoice] = useState("");
  const [asked, setAsked] = useState(false);
  const [loginOpen, setLoginOpen] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  function count() {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      if (!form.current) return;
      const now = readWish(new FormData(form.current));
      setTemplate(now.template ?? "");
      startCounting(async () => setAnswer(await estimate(now)));
    }, ESTIMATE_AFTER_MS);
  }
  useEffect(() => () => clearTimeout(timer.current), []);

  useEffect(() => {
    if (state.refusal?.code !== "unauthenticated") return;
    setAsked(true);
    setLoginOpen(true);
  }, [state]);

  // What the rent refused counts first; before that, what the estimate could not read.
  const judged = state.refusal ? state : { ...UNTOUCHED, refusal: answer.refusal };
  const error = (field: string) => fieldError(judged, field);
  const perGpu = Math.max(1, /^\d{1,2}$/.test(gpuCount) ? Number(gpuCount) : 1);
  const withoutGpu = gpuCount === "0";
  const usualPort = templates.find(({ slug }) => slug === template)?.http_port;

  return (
    <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_20rem]">
      <form ref={form} {...sending} onChange={count} className="sheet grid gap-5 p-4" noValidate>
        <input type="hidden" name="idempotency_key" value={idempotencyKey} />
        {wish.provider_id && (
          <p className="text-cell">
            <input type="hidden" name="provider_id" value={wish.provider_id} />
            On <b className="font-[560]">{providerName ?? wish.provider_id}</b>.{" "}
            <Link
              className="link"
              href={wish.gpu_type ? `/rent?gpu_type=${encodeURIComponent(wish.gpu_type)}` : "/rent"}
            >
              Take the best offer of any provider instead
            </Link>
          </p>
        )}
        <div className="grid grid-cols-2 gap-4 sm:grid-cols-3">
          <Field id="gpu_type" label="GPU model" className="max-sm:col-span-2" error={error("gpu_type")}>
            <Select
              {...tied("gpu_type", error("gpu_type"))}
              name="gpu_type"
              defaultValue={wish.gpu_type ?? ""}
              disabled={withoutGpu}
            >
              <option value="">{withoutGpu ? "no GPU" : wish.provider_id ? "any it has" : "choose a model"}</option>
              {models.map((model) => (
                <option key={model} value={model}>
                  {gpuName(model)}
                </option>
              ))}
            </Select>
          </Field>
          <Field id="gpu_count" label="GPUs" hint="0 for cores only" error={error("gpu_count")}>
            <Input
              {...tied("gpu_count", error("gpu_count"), true)}
              name="gpu_count"
              type="number"
              min={0}
              max={64}
              value={gpuCount}
              onChange={(event) => setGpuCount(event.target.value)}
            />
          </Field>
          <Field id="duration_hours" label="Hours" hint="1 to 720; extend later" error={error("duration_hours")}>
            <Input
              {...tied("duration_hours", error("duration_hours"), true)}
              name="duration_hours"
              type="number"
              min={1}
              max={720}
              defaultValue={wish.duration_hours ?? "1"}
            />
          </Field>
          <Field id="cpu_cores" label="vCPU" error={error("cpu_cores")}>
            <Input
              {...tied("cpu_cores", error("cpu_cores"))}
              name="cpu_cores"
              type="number"
              min={1}
              max={512}
              defaultValue={wish.cpu_cores}
              placeholder={String(4 * perGpu)}
            />
          </Field>
          <Field id="memory_gb" label="Memory, GB" error={error("memory_gb")}>
            <Input
              {...tied("memory_gb", error("memory_gb"))}
              name="memory_gb"
              type="number"
              min={1}
              max={4096}
              defaultValue={wish.memory_gb}
              placeholder={String(16 * perGpu)}
            />
          </Field>
          <Field id="storage_gb" label="Disk, GB" error={error("storage_gb")}>
            <Input
              {...tied("storage_gb", error("storage_gb"))}
              name="storage_gb"
              type="number"
              min={1}
              max={65536}
              defaultValue={wish.storage_gb}
              placeholder={String(50 * perGpu)}
            />
          </Field>
          <Field id="max_price" label="At most, $ per hour" hint="for the whole job" error={error("max_price")}>
            <Input
              {...tied("max_price", error("max_price"), true)}
              name="max_price"
              inputMode="decimal"
              defaultValue={wish.max_price}
              placeholder="no limit"
            />
          </Field>
          <Field
            id="http_port"
            label="HTTP port"
            hint="opened for you only, at an address of its own"
            error={error("http_port")}
          >
            <Input
              {...tied("http_port", error("http_port"), true)}
              name="http_port"
              inputMode="numeric"
              defaultValue={wish.http_port}
              placeholder={usualPort ? `${usualPort}, by the template` : "none"}
            />
          </Field>
          <Field id="name" label="Name" error={error("name")}>
            <Input
              {...tied("name", error("name"))}
              name="name"
              maxLength={80}
              defaultValue={wish.name}
              placeholder="for you to know it by"
            />
          </Field>
        </div>
        <TemplateChoice templates={templates} chosen={wish.template ?? ""} image={wish.image} error={error} />
        <SshChoice keys={sshKeys} error={error("ssh_public_key")} chosen={sshChoice} onChoose={setSshChoice} />
        <Refused state={judged} shown={SHOWN} />
        <div className="flex flex-wrap items-center gap-4">
          <Submit tone="go" waiting="Renting…" busy={pending}>
            Rent
          </Submit>
          <p className="text-ink-3 text-small">Storage ends with the rental.</p>
        </div>
      </form>
      <EstimatePanel estimate={answer.estimate} stale={counting} />
      {asked && (
        <LazyLogin
          options={login}
          open={loginOpen}
          onOpenChange={setLoginOpen}
          onLoggedIn={() => form.current?.requestSubmit()}
        />
      )}
    </div>
  );
}
