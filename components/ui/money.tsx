// Money as it came over the wire, never through a float. The digits that are all zero step back.
import clsx from "clsx";

const PARTS = /^(-?)(\d+)\.(\d{3})(\d{3})$/;

interface MoneyProps {
  /** decimal string of USD with 6 places */
  readonly usd: string;
  /** leaves away the last three digits where they are zero */
  readonly short?: boolean;
  readonly signed?: boolean;
  readonly className?: string;
}

export function moneyText(usd: string, short = false, signed = false): string {
  const match = PARTS.exec(usd);
  if (!match) return usd;
  const [, minus, whole = "0", milli = "000", micro = "000"] = match;
  const sign = minus ? "−" : signed ? "+" : "";
  return `${sign}$${whole}.${milli}${short && micro === "000" ? "" : micro}`;
}

export function Money({ usd, short = false, signed = false, className }: MoneyProps) {
  return <span className={clsx("num whitespace-nowrap", className)}>{moneyText(usd, short, signed)}</span>;
}
