// An account's jobs.
import type { Metadata } from "next";
import Link from "next/link";
import { JobsTable } from "../../components/job/jobs-table.tsx";
import { LoginFirst } from "../../components/shell/login-first.tsx";
import { Page } from "../../components/shell/page.tsx";
import { LinkButton } from "../../components/ui/button.tsx";
import { Empty } from "../../components/ui/empty.tsx";
import { Live } from "../../components/ui/live.tsx";
import { Pager } from "../../components/ui/pager.tsx";
import { BATCH_STATUSES } from "../../domain/job/batch.ts";
import { RENTAL_STATUSES } from "../../domain/job/status.ts";
import { jobOperations } from "../../protocol/operations/job.ts";
import { listJobs } from "../../server/usecases/job/list-jobs.ts";
import { deps, loginOptions, principal } from "../context.ts";
import { listAt } from "../list-at.ts";
import { first, hrefOf, type SearchParams } from "../search-params.ts";

export const metadata: Metadata = { title: "Jobs" };

const EVERY_MS = 5000;
const KINDS = ["rental", "batch"] as const;
const STATUSES = {
  rental: RENTAL_STATUSES,
  batch: BATCH_STATUSES,
  any: [...new Set([...RENTAL_STATUSES, ...BATCH_STATUSES])],
} as const;

interface ChipsProps {
  readonly label: string;
  readonly values: readonly string[];
  readonly chosen: string | undefined;
  readonly href: (value: string | undefined) => string;
}

function Chips({ label, values, chosen, href }: ChipsProps) {
  return (
    <nav aria-label={label} className="flex flex-wrap gap-2">
      {[undefined, ...values].map((each) => (
        <Link
          key={each ?? "all"}
          className="chip"
          href={href(each)}
          aria-current={each === chosen ? "true" : undefined}
        >
          {each ?? (label === "Kind" ? "both kinds" : "all")}
        </Link>
      ))}
    </nav>
  );
}

export default async function JobsPage({ searchParams }: { readonly searchParams: SearchParams }) {
  const who = await principal();
  if (!who) {
    return (
      <Page eyebrow="Jobs" title="Your jobs">
        <LoginFirst title="Log in to see your jobs" options={loginOptions()}>
          Jobs belong to the wallet that asked for them.
        </LoginFirst>
      </Page>
    );
  }
  const params = await searchParams;
  const given = { kind: first(params.kind), status: first(params.status) };
  const query = jobOperations.listJobs.query.safeParse(given);
  const { kind, status } = query.success ? query.data : {};
  const page = await listAt(first(params.cursor), (cursor) => listJobs(deps(), who, { kind, status, cursor }));
  const { jobs, next_cursor: next } = page;
  const filtered = kind !== undefined || status !== undefined;
  return (
    <Page
      eyebrow="Jobs"
      title="Your jobs"
      aside={
        <>
          <LinkButton href="/submit">Submit a job</LinkButton>
          <LinkButton href="/">Rent another</LinkButton>
        </>
      }
    >
      <Live everyMs={EVERY_MS} />
      <section className="sheet" aria-label="Jobs">
        <div className="grid gap-2 border-line border-b p-3">
          <Chips label="Kind" values={KINDS} chosen={kind} href={(each) => hrefOf("/jobs", { kind: each })} />
          <Chips
            label="Status"
            values={STATUSES[kind ?? "any"]}
            chosen={status}
            href={(each) => hrefOf("/jobs", { kind, status: each })}
          />
        </div>
        {jobs.length > 0 ? (
          <JobsTable jobs={jobs} now={deps().clock.now().toISOString()} />
        ) : (
          <Empty
            title={filtered ? `No ${kind ?? "job"} is ${status ?? "here"}` : "No job yet"}
            action={
              filtered ? (
                <LinkButton href="/jobs">All jobs</LinkButton>
              ) : (
                <>
                  <LinkButton tone="go" href="/">
                    Find a GPU
                  </LinkButton>
                  <LinkButton href="/submit">Submit a job</LinkButton>
                </>
              )
            }
          >
            <p>
              Rent a GPU on the market, or submit a command that several owners run: it is here with its cost and what
              happened to it.
            </p>
          </Empty>
        )}
        <Pager
          label="Jobs"
          firstHref={page.onFirst ? null : hrefOf("/jobs", { kind, status })}
          nextHref={next ? hrefOf("/jobs", { kind, status, cursor: next }) : null}
        />
      </section>
    </Page>
  );
}
