// Nothing here yet: what would be here, and what to do about it.
import type { ReactNode } from "react";

interface EmptyProps {
  readonly title: string;
  readonly children: ReactNode;
  readonly action?: ReactNode;
  /** where it is all that the page has to say, its title is the page's */
  readonly wholePage?: boolean;
}

export function Empty({ title, children, action, wholePage = false }: EmptyProps) {
  return (
    <div className="grid justify-items-center gap-2 px-4 py-12 text-center">
      <svg
        viewBox="0 0 48 32"
        className="mb-2 h-8 w-12 text-line-strong"
        fill="none"
        stroke="currentColor"
        strokeWidth="2.5"
        aria-hidden="true"
      >
        <path d="M4 2v26h40V2" />
        <path d="M14 22h20" strokeDasharray="3 3" />
      </svg>
      {wholePage ? <h1>{title}</h1> : <h2>{title}</h2>}
      <div className="max-w-[46ch] text-cell text-ink-2">{children}</div>
      {action && <div className="mt-3 flex flex-wrap justify-center gap-2">{action}</div>}
    </div>
  );
}
