"use client";
// The places of the console. It is a client component only to know where it stands.
import Link from "next/link";
import { usePathname } from "next/navigation";

const PLACES = [
  { href: "/", words: "Market", also: "/rent" },
  { href: "/jobs", words: "Jobs", also: "/jobs" },
  { href: "/billing", words: "Billing", also: "/billing" },
  { href: "/settings", words: "Settings", also: "/settings" },
] as const;

export function NavLinks() {
  const path = usePathname();
  return (
    <nav aria-label="Main" className="-mb-px flex gap-5 text-cell max-sm:order-3 max-sm:w-full">
      {PLACES.map(({ href, words, also }) => (
        <Link
          key={href}
          href={href}
          data-go=""
          aria-current={path === href || path.startsWith(also) ? "page" : undefined}
          className="border-transparent border-b-2 py-3 text-ink-2 no-underline hover:text-ink aria-[current]:border-buoy aria-[current]:font-[560] aria-[current]:text-ink sm:py-3.5"
        >
          {words}
        </Link>
      ))}
    </nav>
  );
}
