// A sentence that must be seen: what is going on, or what went wrong and what helps.
import clsx from "clsx";
import type { ReactNode } from "react";

type NoticeTone = "plain" | "wait" | "bad" | "good";

const TONES: Readonly<Record<NoticeTone, string>> = {
  plain: "border-line-strong border-l-edge bg-sheet",
  wait: "border-mining border-l-mining bg-mining-wash",
  bad: "border-bad border-l-bad bg-bad-wash",
  good: "border-free border-l-free bg-free-wash",
};

interface NoticeProps {
  readonly tone?: NoticeTone;
  readonly title?: string;
  readonly children: ReactNode;
  /** read out as soon as it appears */
  readonly live?: boolean;
}

export function Notice({ tone = "plain", title, children, live = false }: NoticeProps) {
  return (
    <div
      role={live ? (tone === "bad" ? "alert" : "status") : undefined}
      className={clsx("rounded-std border border-l-4 px-4 py-3 text-cell text-ink", TONES[tone])}
    >
      {title && <p className="font-[620]">{title}</p>}
      {children}
    </div>
  );
}
