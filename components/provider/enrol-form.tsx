"use client";
// Makes an enrolment token, shown once, inside the complete commands for the machine.
import { useState } from "react";
import { Button } from "../ui/button.tsx";
import { CopyLine } from "../ui/copy-line.tsx";
import { Field, Input, Select, tied } from "../ui/field.tsx";
import { type FormState, UNTOUCHED } from "../ui/form-state.ts";
import { Notice } from "../ui/notice.tsx";
import { Refused } from "../ui/refused.tsx";
import { Submit } from "../ui/submit.tsx";
import { Moment } from "../ui/time.tsx";
import { useForm } from "../ui/use-form.ts";
import { agentCommands, type BrokerFacts, type MachineRuntime, type MachineWish } from "./agent-commands.ts";

export interface TokenState extends FormState {
  /** shown this once */
  readonly token: string | null;
  readonly expiresAt: string | null;
}
export type TokenAction = (previous: TokenState, form: FormData) => Promise<TokenState>;

interface EnrolFormProps {
  readonly broker: BrokerFacts;
  readonly create: TokenAction;
  /** tokens that still enrol a machine */
  readonly openTokens: number;
}

const EMPTY: Omit<MachineWish, "runtime"> = { name: "", region: "", host: "", pricePerGpuHour: "0.40" };

const RUNTIMES: Readonly<Record<MachineRuntime, { readonly name: string; readonly hint: string }>> = {
  docker: {
    name: "Containers: its own Docker or Podman",
    hint: "Rentals and batch jobs in containers of the images that customers name. GPUs need NVIDIA's container toolkit.",
  },
  kubernetes: {
    name: "Kubernetes: it joins the broker's cluster as a node",
    hint: "Rentals and batch jobs in pods. The machine needs containerd, kubelet and kubeadm.",
  },
  process: {
    name: "Processes: for demos and development",
    hint: "Sandboxed processes of a checkout of Berth, without images. Outside of a demo they get no batch jobs.",
  },
};

export function EnrolForm({ broker, create, openTokens }: EnrolFormProps) {
  const { state, pending, form } = useForm<TokenState>(create, { ...UNTOUCHED, token: null, expiresAt: null });
  const [wish, setWish] = useState<MachineWish>({ ...EMPTY, runtime: broker.demo ? "process" : "docker" });
  const field = (name: Exclude<keyof MachineWish, "runtime">) => ({
    ...tied(`enrol-${name}`, undefined, true),
    value: wish[name],
    autoComplete: "off",
    onChange: ({ target }: { readonly target: HTMLInputElement }) => setWish({ ...wish, [name]: target.value }),
  });
  const runtimes = (["docker", "kubernetes", "process"] as const).filter(
    (runtime) => runtime !== "kubernetes" || broker.hasCluster,
  );
  return (
    <div className="grid gap-5">
      <div className="grid gap-4 sm:grid-cols-2">
        <Field
          id="enrol-runtime"
          label="What runs jobs there"
          hint={RUNTIMES[wish.runtime].hint}
          className="sm:col-span-2"
        >
          <Select
            {...tied("enrol-runtime", undefined, true)}
            value={wish.runtime}
            onChange={({ target }) =>
              setWish({ ...wish, runtime: runtimes.find((one) => one === target.value) ?? "docker" })
            }
          >
            {runtimes.map((runtime) => (
              <option key={runtime} value={runtime}>
                {RUNTIMES[runtime].name}
              </option>
            ))}
          </Select>
        </Field>
        <Field id="enrol-pricePerGpuHour" label="Price of a GPU and hour" hint="USD. You can change it at any time.">
          <Input {...field("pricePerGpuHour")} inputMode="decimal" />
        </Field>
        <Field id="enrol-name" label="Name" hint="Lower-case letters, digits, dashes. Its host name if empty.">
          <Input {...field("name")} placeholder="skagerrak-05" maxLength={63} />
        </Field>
        <Field id="enrol-host" label="Address" hint="Where customers reach it by SSH: an IP address or a name.">
          <Input {...field("host")} placeholder={broker.demo ? "127.0.0.1" : "203.0.113.7"} maxLength={253} />
        </Field>
        <Field id="enrol-region" label="Region" hint="Where it stands, as customers filter by it.">
          <Input {...field("region")} placeholder="eu-north" maxLength={32} />
        </Field>
      </div>
      <form {...form} className="grid gap-3">
        <Refused state={state} />
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <Submit tone={state.token ? "plain" : "go"} waiting="Making…" busy={pending}>
            {state.token ? "Make another token" : "Make the commands"}
          </Submit>
          <p className="text-ink-3 text-small">With a token in them that enrols one machine, within an hour.</p>
        </div>
      </form>
      {state.token && state.expiresAt && openTokens > 0 && (
        <Commands wish={wish} broker={broker} token={state.token} expiresAt={state.expiresAt} />
      )}
      {state.token && openTokens === 0 && (
        <Notice live>
          The token was used. Keep the agent running there (<code>berth-agent install</code> makes it a service); the
          next machine needs a token of its own.
        </Notice>
      )}
    </div>
  );
}

interface CommandsProps {
  readonly wish: MachineWish;
  readonly broker: BrokerFacts;
  readonly token: string;
  readonly expiresAt: string;
}

function Commands({ wish, broker, token, expiresAt }: CommandsProps) {
  const [here, setHere] = useState(false);
  const { get, enrol, install, start } = agentCommands(wish, broker, token);
  const fetched = get.some((line) => line.startsWith("curl"));
  return (
    <section aria-label="Commands" className="grid gap-3">
      <Notice tone="good" title="Copy them now: the token is not shown again." live>
        It enrols one machine for your wallet until <Moment at={expiresAt} />. Whoever has it can enrol a machine for
        you, and nothing more.
      </Notice>
      {get.length > 0 && (
        <div className="grid gap-2">
          <p className="text-cell">
            {fetched ? "Get the agent, with Node 20 or later there:" : "In a checkout of Berth:"}
          </p>
          {get.map((line) => (
            <CopyLine key={line} text={line} label="Copy how to get the agent" />
          ))}
        </div>
      )}
      <p className="text-cell">
        {here ? "Run it in a shell, until Ctrl-C:" : "Enrol the machine, then keep the agent running as a service:"}
      </p>
      {here ? (
        <CopyLine text={start} label="Copy the start command" />
      ) : (
        <>
          <CopyLine text={enrol} label="Copy the enrol command" />
          <CopyLine text={install} label="Copy the install command" />
        </>
      )}
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2 text-ink-3 text-small">
        <Button small onClick={() => setHere(!here)}>
          {here ? "As a service instead" : "Only try it in a shell"}
        </Button>
        {broker.demo && (
          <p className="min-w-0 max-w-[60ch]">
            In this demo, run them in the checkout that runs <code>up</code>. A machine without GPUs can declare some:
            add <code className="[overflow-wrap:anywhere]">--declare-gpus '2x NVIDIA GeForce RTX 4090:24576'</code>
          </p>
        )}
      </div>
    </section>
  );
}
