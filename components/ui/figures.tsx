// A strip of figures: each with what it is and what it is of.
import type { ReactNode } from "react";

interface FigureProps {
  readonly name: string;
  readonly value: ReactNode;
  readonly detail: ReactNode;
}

export function Figure({ name, value, detail }: FigureProps) {
  return (
    <div className="border-line border-t p-4 max-sm:odd:border-r sm:border-t-0 sm:border-l max-sm:[&:nth-child(-n+2)]:border-t-0 sm:first:border-l-0">
      <dt className="eyebrow">{name}</dt>
      <dd className="mt-1.5 font-[500] font-mono text-figure tabular-nums tracking-[-0.02em] [overflow-wrap:anywhere]">
        {value}
      </dd>
      <dd className="text-ink-3 text-small">{detail}</dd>
    </div>
  );
}

export function Figures({ children }: { readonly children: ReactNode }) {
  return <dl className="sheet grid grid-cols-2 sm:auto-cols-fr sm:grid-flow-col sm:grid-cols-none">{children}</dl>;
}
