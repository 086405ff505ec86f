// A labelled control with its hint and, beside it, why it was refused.
import clsx from "clsx";
import type { ComponentProps, ReactNode } from "react";

interface FieldProps {
  readonly id: string;
  readonly label: string;
  readonly hint?: ReactNode;
  readonly error?: string | undefined;
  readonly children: ReactNode;
  readonly className?: string;
}

export function Field({ id, label, hint, error, children, className }: FieldProps) {
  return (
    <div className={clsx("grid content-start gap-1", className)}>
      <label htmlFor={id} className="text-small font-[560] text-ink">
        {label}
      </label>
      {children}
      {hint && (
        <p id={`${id}-hint`} className="text-small text-ink-3">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="text-small font-[560] text-bad">
          {error}
        </p>
      )}
    </div>
  );
}

/** The attributes that tie a control to its field's hint and error. */
export function tied(id: string, error: string | undefined, hasHint = false) {
  const described = [hasHint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ");
  return {
    id,
    ...(described ? { "aria-describedby": described } : {}),
    ...(error ? { "aria-invalid": true as const } : {}),
  };
}

export function Input({ className, ...rest }: ComponentProps<"input">) {
  const figures = rest.type === "number" || rest.inputMode === "decimal";
  return <input {...rest} className={clsx("input", figures && "input-num", className)} />;
}

export function Select({ className, ...rest }: ComponentProps<"select">) {
  return <select {...rest} className={clsx("input", className)} />;
}

export function TextArea({ className, ...rest }: ComponentProps<"textarea">) {
  return <textarea {...rest} spellCheck={false} className={clsx("input", className)} />;
}
