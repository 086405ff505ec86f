"use client";
// Times: the server says them in UTC, the reader's browser in the reader's zone, once it is there.
import { useSyncExternalStore } from "react";

const never = () => () => undefined;

/** False on the server and while hydrating, true after. */
function useInBrowser(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
}

const two = (value: number) => String(value).padStart(2, "0");

function utc(at: Date, withDay: boolean): string {
  const clock = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  return withDay ? `${at.toISOString().slice(0, 10)} ${clock} UTC` : `${clock} UTC`;
}

function local(at: Date, withDay: boolean): string {
  const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return withDay ? `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock}` : clock;
}

interface MomentProps {
  /** RFC 3339 */
  readonly at: string;
  readonly withDay?: boolean;
}

export function Moment({ at, withDay = false }: MomentProps) {
  const inBrowser = useInBrowser();
  const date = new Date(at);
  return (
    <time dateTime={at} title={utc(date, true)} className="num whitespace-nowrap">
      {inBrowser ? local(date, withDay) : utc(date, withDay)}
    </time>
  );
}
