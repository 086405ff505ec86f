// The frame of a page: what it is, what can be done, and its content.
import type { ReactNode } from "react";

interface PageProps {
  readonly eyebrow: ReactNode;
  readonly title: ReactNode;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
}

export function Page({ eyebrow, title, aside, children }: PageProps) {
  return (
    <>
      <div className="mb-5 flex flex-wrap items-end gap-x-6 gap-y-3">
        <div className="min-w-0">
          <p className="eyebrow mb-2">{eyebrow}</p>
          <h1 className="flex flex-wrap items-center gap-x-3 gap-y-1 [overflow-wrap:anywhere]">{title}</h1>
        </div>
        {aside && <div className="ml-auto flex flex-wrap items-center gap-2">{aside}</div>}
      </div>
      <div className="grid gap-5">{children}</div>
    </>
  );
}

interface PanelProps {
  readonly title: string;
  readonly children: ReactNode;
  readonly note?: ReactNode;
}

/** A sheet with a heading. */
export function Panel({ title, note, children }: PanelProps) {
  return (
    <section className="sheet p-4" aria-label={title}>
      <div className="mb-3 flex flex-wrap items-baseline justify-between gap-2">
        <h2>{title}</h2>
        {note && <span className="text-ink-3 text-small">{note}</span>}
      </div>
      {children}
    </section>
  );
}
