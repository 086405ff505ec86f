"use client";
// The places of the console. It is a client component only to know where it stands.
import Link from "next/link";
import { usePathname } from "next/navigation";

const PLACES = [
  { href: "/", words: "Market", also: "/rent" },
  { href: "/submit", words: "Submit", also: "/submit" },
  { href: "/jobs", words: "Jobs", also: "/jobs" },
  { href: "/network", words: "Network", also: "/network" },
  { href: "/provider", words: "Provider", also: "/provider" },
  { href: "/billing", words: "Billing", also: "/billing" },
  { href: "/settings", words: "Settings", also: "/settings" },
] as const;
const OPERATOR = { href: "/operator/providers", words: "Operator", also: "/operator" } as const;

export function NavLinks({ operator }: { readonly operator: boolean }) {
  const path = usePathname();
  const places = operator ? [...PLACES, OPERATOR] : PLACES;
  return (
    <nav
      aria-label="Main"
      className="-mb-px flex flex-wrap gap-x-5 text-cell max-sm:order-3 max-sm:w-full max-sm:gap-x-[clamp(0.75rem,4vw,1.25rem)]"
    >
      {places.map(({ href, words, also }) => (
        <Link
          key={href}
          href={href}
          data-go=""
          aria-current={path === href || path.startsWith(also) ? "page" : undefined}
          className="border-transparent border-b-2 py-2 text-ink-2 no-underline hover:text-ink aria-[current]:border-buoy aria-[current]:font-[560] aria-[current]:text-ink sm:py-3.5"
        >
          {words}
        </Link>
      ))}
    </nav>
  );
}
