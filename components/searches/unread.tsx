// How many alerts nobody has read: a link where there are some, nothing where there are none.
import Link from "next/link";
import { buttonClass } from "../ui/button.tsx";

export function Unread({ count }: { readonly count: number }) {
  if (count === 0) return null;
  return (
    <Link
      href="/searches#alerts"
      className={buttonClass("quiet", true)}
      aria-label={count === 1 ? "1 unread alert" : `${count} unread alerts`}
    >
      <svg
        viewBox="0 0 16 16"
        className="h-4 w-4"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        aria-hidden="true"
      >
        <path d="M3 12h10l-1.2-2V7a3.8 3.8 0 0 0-7.6 0v3zM6.5 14.2h3" />
      </svg>
      <span className="num text-ink">{count > 99 ? "99+" : count}</span>
    </Link>
  );
}
