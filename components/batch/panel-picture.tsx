"use client";
// The panel: a lane for each run on one axis of time, who ran it, what it delivered, and how it voted.
import clsx from "clsx";
import Link from "next/link";
import { useEffect, useState } from "react";
import type { BatchExecutionView } from "../../protocol/batch.ts";
import { Panel } from "../shell/page.tsx";
import { Money } from "../ui/money.tsx";
import "./batch.css";
import { DigestMark } from "./digest-mark.tsx";
import { type Axis, axisOf, type DigestGroup, digestGroups, laneOf, type Mark, runWords, voteOf } from "./lanes.ts";

interface PanelPictureProps {
  readonly submittedAt: string;
  readonly executions: readonly BatchExecutionView[];
  /** the digest that was accepted; null where none was */
  readonly accepted: string | null;
  /** when the server read them, RFC 3339 */
  readonly now: string;
  readonly decided: boolean;
}

const TICK_MS = 250;

/** The server's time, going on by the browser's clock while anything is live. */
function useNow(read: string, live: boolean): number {
  const [now, setNow] = useState(() => Date.parse(read));
  useEffect(() => {
    const [at, began] = [Date.parse(read), performance.now()];
    setNow(at);
    if (!live) return;
    const timer = setInterval(() => setNow(at + performance.now() - began), TICK_MS);
    return () => clearInterval(timer);
  }, [read, live]);
  return now;
}

export function PanelPicture({ submittedAt, executions, accepted, now: read, decided }: PanelPictureProps) {
  const live = !decided && executions.some((execution) => !execution.completed_at);
  const now = useNow(read, live);
  if (executions.length === 0)
    return (
      <Panel title="Panel">
        <p className="text-cell text-ink-3">
          {decided ? "No machine ran it." : "No machine has it yet. Each run is a lane here, on one axis of time."}
        </p>
      </Panel>
    );
  const axis = axisOf(submittedAt, executions, now);
  const groups = digestGroups(executions, accepted);
  return (
    <Panel title="Panel" note="a lane for each run; the same letter and picture is the same result">
      <ol className="grid gap-y-4">
        {executions.map((execution) => (
          <Run key={execution.id} execution={execution} axis={axis} now={now} groups={groups} decided={decided} />
        ))}
      </ol>
      <div className="mt-1 grid md:grid-cols-[11rem_minmax(0,1fr)_14rem] md:gap-x-4" aria-hidden="true">
        <div className="relative h-5 md:col-start-2">
          {axis.ticks.map(({ at, words }) => (
            <span
              key={at}
              className={clsx(
                "num absolute whitespace-nowrap text-ink-3 text-small",
                at > 85 ? "-translate-x-full" : at > 0 && "-translate-x-1/2",
              )}
              style={{ left: `${at}%` }}
            >
              {words}
            </span>
          ))}
        </div>
      </div>
      <Legend />
      {!decided && (
        <p className="mt-3 border-line border-t pt-3 text-ink-2 text-small">
          Results and digests are hidden until the verdict, from you too: whoever could see one could copy it.
        </p>
      )}
    </Panel>
  );
}

interface RunProps {
  readonly execution: BatchExecutionView;
  readonly axis: Axis;
  readonly now: number;
  readonly groups: ReadonlyMap<string, DigestGroup>;
  readonly decided: boolean;
}

function Run({ execution, axis, now, groups, decided }: RunProps) {
  const lane = laneOf(execution, axis, now);
  const vote = voteOf(execution);
  const ran = execution.run_ms ?? (execution.started_at ? spanOf(execution, now) : null);
  return (
    <li className="grid gap-x-4 gap-y-1.5 md:grid-cols-[11rem_minmax(0,1fr)_14rem]" data-vote={vote.mark}>
      <div className="min-w-0 text-cell max-md:flex max-md:flex-wrap max-md:items-baseline max-md:gap-x-2">
        <p className="truncate">
          <span className="num mr-2 text-ink-3">{execution.number}</span>
          <Link className="link font-[560]" href={`/network/${execution.provider_id}`}>
            {execution.provider_name}
          </Link>
        </p>
        <p className="text-ink-3 text-small md:pl-5">
          {execution.region}
          {execution.proven ? ", proven" : ", newcomer"}
        </p>
      </div>
      <div className="min-w-0">
        <div className="lane">
          {axis.ticks.slice(1).map(({ at }) => (
            <i key={at} className="lane-tick" style={{ left: `${at}%` }} />
          ))}
          <i className="lane-queued" style={{ left: `${lane.queued.left}%`, width: `${lane.queued.width}%` }} />
          {lane.ran && (
            <i
              className={clsx("lane-ran", `lane-${vote.mark}`)}
              style={{ left: `min(${lane.ran.left}%, 100% - 3px)`, width: `${lane.ran.width}%` }}
            />
          )}
        </div>
        <p className="mt-1 flex flex-wrap gap-x-4 text-ink-3 text-small">
          <span>
            {ran === null ? (
              "has not run"
            ) : (
              <>
                {lane.live ? "running for" : "ran"} <span className="num text-ink-2">{runWords(ran)}</span>
              </>
            )}
          </span>
          {execution.weight !== null && (
            <span title="How many times likelier to be right than wrong its history makes it">
              weight <span className="num text-ink-2">{execution.weight.toFixed(1)}</span>
            </span>
          )}
          <Paid execution={execution} decided={decided} />
        </p>
        {execution.detail && <p className="text-ink-2 text-small [overflow-wrap:anywhere]">{execution.detail}</p>}
      </div>
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1 md:block md:space-y-1">
        <VoteMark mark={vote.mark} words={vote.words} />
        {execution.digest && (
          <p>
            <DigestMark digest={execution.digest} group={groups.get(execution.digest)} />
          </p>
        )}
      </div>
    </li>
  );
}

function spanOf({ started_at: start, completed_at: end }: BatchExecutionView, now: number): number {
  return (end ? Date.parse(end) : now) - Date.parse(start ?? "");
}

function Paid({ execution, decided }: { readonly execution: BatchExecutionView; readonly decided: boolean }) {
  if (execution.paid_by === null) return decided ? <span>not paid</span> : null;
  return (
    <span>
      <Money usd={execution.cost} className="text-ink-2" /> {PAID_BY[execution.paid_by]}
    </span>
  );
}

const PAID_BY = {
  customer: "paid by you",
  verification: "paid by Berth",
  refunded: "given back to you",
} as const satisfies Record<NonNullable<BatchExecutionView["paid_by"]>, string>;

const VOTES: Readonly<Record<Mark, { readonly path: string; readonly hue: string }>> = {
  agreed: { path: "M1 5.4l2.8 3L9 1.6", hue: "text-free" },
  disagreed: { path: "M1.5 1.5l7 7M8.5 1.5l-7 7", hue: "text-bad" },
  undecided: { path: "M1.5 3.5h7M1.5 6.5h7", hue: "text-ink-2" },
  none: { path: "M1 5h8", hue: "text-bad" },
  cancelled: { path: "M1 5h8", hue: "text-off" },
  waiting: { path: "M5 1.2a3.8 3.8 0 1 0 0 7.6a3.8 3.8 0 1 0 0-7.6", hue: "text-mining" },
  running: { path: "M2 1.5v7l6.5-3.5z", hue: "text-use" },
  hidden: { path: "M1.5 4.5h7v4.5h-7zM3 4.5V3a2 2 0 0 1 4 0v1.5", hue: "text-use" },
};

function VoteMark({ mark, words }: { readonly mark: Mark; readonly words: string }) {
  const { path, hue } = VOTES[mark];
  return (
    <p className={clsx("flex items-center gap-2 font-[560] text-cell", hue)}>
      <svg
        viewBox="0 0 10 10"
        className="h-3 w-3 flex-none"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.8"
        aria-hidden="true"
      >
        <path d={path} />
      </svg>
      {words}
    </p>
  );
}

function Legend() {
  return (
    <p className="mt-2 flex flex-wrap items-center gap-x-4 gap-y-1 text-ink-3 text-small">
      {(
        [
          ["agreed", "agreed"],
          ["disagreed", "disagreed"],
          ["undecided", "not decided"],
          ["none", "no result"],
          ["cancelled", "not needed"],
        ] as const
      ).map(([mark, words]) => (
        <span key={mark} className="inline-flex items-center gap-1.5">
          <i className={clsx("lane-ran inline-block w-5", `lane-${mark}`)} aria-hidden="true" />
          {words}
        </span>
      ))}
      <span className="inline-flex items-center gap-1.5">
        <i className="lane-queued inline-block w-5" aria-hidden="true" />
        queued
      </span>
    </p>
  );
}
