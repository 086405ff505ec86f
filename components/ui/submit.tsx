"use client";
// A submit button that waits with its form: it cannot be pressed twice.
import type { ReactNode } from "react";
import { useFormStatus } from "react-dom";
import { Button, type Tone } from "./button.tsx";

interface SubmitProps {
  readonly children: ReactNode;
  readonly waiting: string;
  readonly tone?: Tone;
  readonly small?: boolean;
  readonly label?: string;
  /** where the form is sent by hand and does not know itself that it waits */
  readonly busy?: boolean;
}

export function Submit({ children, waiting, tone = "plain", small = false, label, busy = false }: SubmitProps) {
  const status = useFormStatus();
  const pending = status.pending || busy;
  return (
    <Button type="submit" tone={tone} small={small} busy={pending} disabled={pending} aria-label={label}>
      {pending ? waiting : children}
    </Button>
  );
}
