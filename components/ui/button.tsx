// Buttons, and links that look like them. `go` is for the one action that matters on a page.
import clsx from "clsx";
import Link from "next/link";
import type { ComponentProps } from "react";

export type Tone = "plain" | "go" | "bad" | "quiet";

export function buttonClass(tone: Tone = "plain", small = false, extra?: string): string {
  return clsx("button", tone !== "plain" && `button-${tone}`, small && "button-small", extra);
}

type ButtonProps = ComponentProps<"button"> & {
  readonly tone?: Tone;
  readonly small?: boolean;
  readonly busy?: boolean;
};

export function Button({
  tone = "plain",
  small = false,
  busy = false,
  className,
  type = "button",
  ...rest
}: ButtonProps) {
  return <button {...rest} type={type} aria-busy={busy || undefined} className={buttonClass(tone, small, className)} />;
}

type LinkButtonProps = ComponentProps<typeof Link> & { readonly tone?: Tone; readonly small?: boolean };

export function LinkButton({ tone = "plain", small = false, className, ...rest }: LinkButtonProps) {
  return <Link {...rest} className={buttonClass(tone, small, className)} />;
}
