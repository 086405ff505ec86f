// What is known of one thing, a line each: what it is called, and what it is.
import clsx from "clsx";
import type { ReactNode } from "react";

interface FactProps {
  readonly name: string;
  readonly children: ReactNode;
  /** what the lines above it come to: a rule parts it from them */
  readonly sum?: boolean;
  /** of what stands beside the name */
  readonly className?: string;
}

export function Fact({ name, children, sum = false, className }: FactProps) {
  return (
    <>
      <dt className={sum ? "sum" : undefined}>{name}</dt>
      <dd className={clsx(sum && "sum", className) || undefined}>{children}</dd>
    </>
  );
}

export function Facts({ children, className }: { readonly children: ReactNode; readonly className?: string }) {
  return <dl className={clsx("facts", className)}>{children}</dl>;
}
