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
import { RENTAL_STATUSES } from "../../domain/job/status.ts";
import { jobOperations } from "../../protocol/operations/job.ts";
import { listJobs } from "../../server/usecases/job/list-jobs.ts";
import { deps, loginOptions, principal } from "../context.ts";
import { first, hrefOf, type SearchParams } from "../search-params.ts";

export const metadata: Metadata = { title: "Jobs" };

const EVERY_MS = 5000;

export default async function JobsPage({ searchParams }: { readonly searchParams: SearchParams }) {
  const who = await principal();
  if (!who) {
    return (
      <Page eyebrow="Jobs" title="Your jobs">
        <LoginFirst title="Log in to see your jobs" options={loginOptions()}>
          Jobs belong to the wallet that rented them.
        </LoginFirst>
      </Page>
    );
  }
  const params = await searchParams;
  const given = { status: first(params.status), cursor: first(params.cursor) };
  const query = jobOperations.listJobs.query.safeParse(given);
  const { jobs: all, next_cursor: next } = await listJobs(deps(), who, query.success ? query.data : {});
  const jobs = all.flatMap((job) => (job.kind === "rental" ? [job] : []));
  const status = query.success ? query.data.status : undefined;
  return (
    <Page eyebrow="Jobs" title="Your jobs" aside={<LinkButton href="/">Rent another</LinkButton>}>
      <Live everyMs={EVERY_MS} />
      <section className="sheet" aria-label="Jobs">
        <nav aria-label="Status" className="flex flex-wrap gap-2 border-line border-b p-3">
          {[undefined, ...RENTAL_STATUSES].map((each) => (
            <Link
              key={each ?? "all"}
              className="chip"
              href={hrefOf("/jobs", { status: each })}
              aria-current={each === status ? "true" : undefined}
            >
              {each ?? "all"}
            </Link>
          ))}
        </nav>
        {jobs.length > 0 ? (
          <JobsTable jobs={jobs} />
        ) : (
          <Empty
            title={status ? `No job is ${status}` : "No job yet"}
            action={
              <LinkButton tone={status ? "plain" : "go"} href={status ? "/jobs" : "/"}>
                {status ? "All jobs" : "Find a GPU"}
              </LinkButton>
            }
          >
            <p>Rent a GPU on the market, and it is here with its SSH line, its cost and what happened to it.</p>
          </Empty>
        )}
        <Pager
          label="Jobs"
          firstHref={given.cursor ? hrefOf("/jobs", { status }) : null}
          nextHref={next ? hrefOf("/jobs", { status, cursor: next }) : null}
        />
      </section>
    </Page>
  );
}
