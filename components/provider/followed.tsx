// Who came with a token, and how far each is on its way to taking work.
import clsx from "clsx";
import Link from "next/link";
import type { OwnProviderView } from "../../protocol/provider-views.ts";
import { Moment } from "../ui/time.tsx";
import { MachineStatus, modelWords } from "./machines-table.tsx";
import { type Step, stepsOf } from "./steps.ts";

interface FollowedProps {
  readonly machines: readonly OwnProviderView[];
  readonly openTokens: number;
  /** RFC 3339 */
  readonly openUntil: string | null;
  readonly now: string;
}

export function Followed({ machines, openTokens, openUntil, now }: FollowedProps) {
  return (
    <div className="grid gap-4" aria-live="polite">
      {openUntil && (
        <p className="flex items-baseline gap-2 text-cell">
          <StepShape state="now" />
          <span>
            {openTokens === 1 ? "Waiting for a machine: 1 token is out" : `Waiting: ${openTokens} tokens are out`}, good
            until <Moment at={openUntil} />.
          </span>
        </p>
      )}
      {machines.map((machine) => (
        <article key={machine.id} className="border-line border-t pt-4 first:border-t-0 first:pt-0">
          <h3 className="flex flex-wrap items-center gap-x-3 gap-y-1 font-[560] text-body">
            <Link className="link" href={`/provider/${machine.id}`}>
              {machine.name}
            </Link>
            <MachineStatus machine={machine} now={now} />
          </h3>
          <p className="text-ink-3 text-small">
            {modelWords(machine)}
            {machine.declared && machine.gpus.length > 0 && " (declared)"} · came <Moment at={machine.created_at} />
          </p>
          <Steps machine={machine} />
        </article>
      ))}
      {machines.length === 0 && !openUntil && (
        <p className="text-cell text-ink-2">
          Make the commands and run them on the machine. Here you see it come, step by step.
        </p>
      )}
    </div>
  );
}

export function Steps({ machine }: { readonly machine: OwnProviderView }) {
  return (
    <ol className="mt-3 grid gap-1.5 text-cell">
      {stepsOf(machine).map(({ title, state, detail }) => (
        <li key={title} className="grid grid-cols-[1rem_1fr] items-baseline gap-x-2">
          <StepShape state={state} />
          <span className={clsx(state === "later" && "text-ink-3")}>
            <span className={clsx(state === "now" && "font-[560]")}>{title}</span>
            <span className="sr-only">{STATE_WORDS[state]}</span>
            {detail && <span className="text-ink-2"> · {detail}</span>}
          </span>
        </li>
      ))}
    </ol>
  );
}

const STATE_WORDS: Readonly<Record<Step["state"], string>> = {
  done: ", done",
  now: ", now",
  later: ", later",
  stopped: ", refused",
};

const SHAPES: Readonly<Record<Step["state"], { readonly path: string; readonly hue: string }>> = {
  done: { path: "M1.5 6.5l3 3L10.5 2.5", hue: "text-free" },
  now: { path: "M6 1.5a4.5 4.5 0 1 0 .01 0M6 4.5v2.2l1.6 1", hue: "text-mining" },
  later: { path: "M6 1.5a4.5 4.5 0 1 0 .01 0", hue: "text-line-strong" },
  stopped: { path: "M2 2l8 8M10 2l-8 8", hue: "text-bad" },
};

function StepShape({ state }: { readonly state: Step["state"] }) {
  const { path, hue } = SHAPES[state];
  return (
    <svg
      viewBox="0 0 12 12"
      className={clsx("h-3 w-3 flex-none translate-y-px", hue)}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.8"
      aria-hidden="true"
    >
      <path d={path} />
    </svg>
  );
}
