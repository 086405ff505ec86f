"use client";
// Alerts, newest first. What nobody has read yet carries a mark and a word.
import Link from "next/link";
import { useActionState } from "react";
import type { AlertView } from "../../protocol/market-views.ts";
import { type FormAction, UNTOUCHED } from "../ui/form-state.ts";
import { Refused } from "../ui/refused.tsx";
import { Status } from "../ui/status.tsx";
import { Submit } from "../ui/submit.tsx";
import { Moment } from "../ui/time.tsx";

interface AlertsProps {
  readonly alerts: readonly AlertView[];
  readonly unread: number;
  readonly read: FormAction;
}

export function Alerts({ alerts, unread, read }: AlertsProps) {
  const [state, send] = useActionState(read, UNTOUCHED);
  return (
    <>
      {unread > 0 && (
        <form action={send} className="flex flex-wrap items-center gap-3 border-line border-b px-4 py-3">
          <span className="text-cell">
            <span className="num">{unread}</span> unread
          </span>
          <Submit small waiting="Marking…">
            Mark all as read
          </Submit>
          <Refused state={state} />
        </form>
      )}
      <ul>
        {alerts.map((alert) => (
          <li
            key={alert.id}
            className="flex flex-wrap items-baseline gap-x-4 gap-y-1 border-line border-b px-4 py-3 last:border-b-0"
          >
            <Moment at={alert.at} withDay />
            <span className="min-w-0 flex-1 basis-64 text-cell [overflow-wrap:anywhere]">
              {alert.message}{" "}
              {typeof alert.data.query === "string" && (
                <Link className="link whitespace-nowrap" href={`/?${alert.data.query}`}>
                  See what fits now
                </Link>
              )}
            </span>
            {!alert.read && <Status status="running">new</Status>}
          </li>
        ))}
      </ul>
    </>
  );
}
