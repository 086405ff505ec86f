// The frame of the operators' pages: where one is among them, and what those see who operate nothing.
import Link from "next/link";
import type { ReactNode } from "react";
import { Page } from "../shell/page.tsx";
import { LinkButton } from "../ui/button.tsx";
import { Empty } from "../ui/empty.tsx";

const PLACES = [
  { href: "/operator/providers", words: "Providers" },
  { href: "/operator/incidents", words: "Incidents" },
  { href: "/operator/appeals", words: "Appeals" },
  { href: "/operator/audit", words: "Audit trail" },
] as const;

export type OperatorPlace = (typeof PLACES)[number]["href"];

interface FrameProps {
  readonly here: OperatorPlace;
  readonly title: ReactNode;
  readonly aside?: ReactNode;
  readonly children: ReactNode;
}

export function OperatorFrame({ here, title, aside, children }: FrameProps) {
  return (
    <Page eyebrow="Operator" title={title} aside={aside}>
      <nav aria-label="Operator" className="flex flex-wrap gap-x-5 border-line border-b text-cell">
        {PLACES.map(({ href, words }) => (
          <Link
            key={href}
            href={href}
            aria-current={href === here ? "page" : undefined}
            className="-mb-px border-transparent border-b-2 py-2 text-ink-2 no-underline hover:text-ink aria-[current]:border-ink aria-[current]:font-[560] aria-[current]:text-ink"
          >
            {words}
          </Link>
        ))}
      </nav>
      {children}
    </Page>
  );
}

export function OperatorsOnly({ account }: { readonly account: string }) {
  return (
    <Page eyebrow="Operator" title="For operators only">
      <div className="sheet">
        <Empty
          title="Your wallet does not operate this broker"
          action={<LinkButton href="/">To the market</LinkButton>}
        >
          <p>
            You are logged in as <span className="num [overflow-wrap:anywhere]">{account}</span>. Operators are the
            wallets that OPERATOR_ADDRESSES names when the broker starts. Log in with one of them, or ask whoever runs
            this broker to add yours.
          </p>
        </Empty>
      </div>
    </Page>
  );
}
