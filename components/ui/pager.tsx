// Pages by cursor: forward to the next, back to the first.
import Link from "next/link";

interface PagerProps {
  readonly firstHref: string | null;
  readonly nextHref: string | null;
  readonly label: string;
}

export function Pager({ firstHref, nextHref, label }: PagerProps) {
  if (!firstHref && !nextHref) return null;
  return (
    <nav aria-label={label} className="flex justify-between gap-3 border-t border-line px-4 py-3 text-cell">
      {firstHref ? (
        <Link className="link" href={firstHref}>
          First page
        </Link>
      ) : (
        <span />
      )}
      {nextHref && (
        <Link className="link" href={nextHref} rel="next">
          Next page
        </Link>
      )}
    </nav>
  );
}
