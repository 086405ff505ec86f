// The bar at the top of every page: where one can go, what one has, who one is.
import Link from "next/link";
import { buttonClass } from "../ui/button.tsx";
import { Money } from "../ui/money.tsx";
import { shortAddress } from "../ui/span.ts";
import { LoginButton } from "../wallet/login-button.tsx";
import type { LoginOptions } from "../wallet/options.ts";
import { Mark } from "./mark.tsx";
import { NavLinks } from "./nav-links.tsx";

export interface Visitor {
  readonly address: string;
  /** decimal string of USD */
  readonly available: string;
  /** decides about providers */
  readonly operator: boolean;
  /** price alerts of saved searches that were not read yet */
  readonly alerts: number;
}

interface HeaderProps {
  readonly visitor: Visitor | null;
  readonly login: LoginOptions;
}

export function Header({ visitor, login }: HeaderProps) {
  return (
    <header className="border-line border-b bg-sheet">
      <div className="mx-auto flex max-w-[78rem] flex-wrap items-center gap-x-6 px-4 sm:px-6">
        <Link href="/" className="py-3.5 no-underline">
          <Mark />
        </Link>
        <NavLinks operator={visitor?.operator ?? false} />
        <div className="ml-auto flex items-center gap-2 text-ink-2 text-small sm:gap-3">
          <button
            type="button"
            data-help=""
            className={buttonClass("quiet", true, "max-sm:hidden")}
            aria-label="Keyboard help"
          >
            <kbd>?</kbd>
          </button>
          <button
            type="button"
            data-theme=""
            className={buttonClass("quiet", true)}
            aria-label="Switch between light and dark"
          >
            <svg
              viewBox="0 0 16 16"
              className="h-4 w-4"
              fill="none"
              stroke="currentColor"
              strokeWidth="1.5"
              aria-hidden="true"
            >
              <circle cx="8" cy="8" r="6" />
              <path d="M8 2a6 6 0 0 1 0 12z" fill="currentColor" stroke="none" />
            </svg>
          </button>
          {visitor ? (
            <>
              <SearchesLink alerts={visitor.alerts} />
              <Link href="/billing" className="text-ink-2 no-underline hover:text-ink" aria-label="Balance">
                <Money usd={visitor.available} />
              </Link>
              <Link href="/settings" className={buttonClass("plain", true, "max-sm:hidden")} title={visitor.address}>
                <span className="num">{shortAddress(visitor.address)}</span>
              </Link>
            </>
          ) : (
            <LoginButton options={login} small />
          )}
        </div>
      </div>
    </header>
  );
}

/** A bell only where something rings: an empty one says nothing. */
function SearchesLink({ alerts }: { readonly alerts: number }) {
  const said = alerts === 1 ? "1 new price alert" : `${alerts} new price alerts`;
  return (
    <Link
      href="/searches"
      className="flex items-center gap-1.5 text-ink-2 no-underline hover:text-ink"
      aria-label={alerts > 0 ? `Searches, ${said}` : "Searches"}
      title={alerts > 0 ? said : "Saved searches and price alerts"}
    >
      <svg
        viewBox="0 0 16 16"
        className="h-4 w-4"
        fill="none"
        stroke="currentColor"
        strokeWidth="1.5"
        aria-hidden="true"
      >
        <path d="M3.5 11.5V7a4.5 4.5 0 0 1 9 0v4.5l1 1.5h-11zM6.5 14.5h3" />
      </svg>
      {alerts > 0 && (
        <span className="num rounded-full bg-mining-wash px-1.5 font-[560] text-mining">{Math.min(alerts, 99)}</span>
      )}
    </Link>
  );
}
