// One job: a rental's way in and what it costs, or a batch job's panel and verdict.
import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { LoginFirst } from "../../../components/shell/login-first.tsx";
import { Page } from "../../../components/shell/page.tsx";
import { isAppError } from "../../../domain/errors.ts";
import { isId } from "../../../domain/ids.ts";
import { getAnyJob } from "../../../server/usecases/job/any-job.ts";
import { listJobEvents } from "../../../server/usecases/job/list-job-events.ts";
import { deps, loginOptions, principal } from "../../context.ts";
import { Batch } from "./batch.tsx";
import { Rental } from "./rental.tsx";

export const metadata: Metadata = { title: "Job" };

export default async function JobPage({ params }: { readonly params: Promise<{ readonly id: string }> }) {
  const [{ id }, who] = await Promise.all([params, principal()]);
  if (!isId("job", id)) notFound();
  if (!who) {
    return (
      <Page eyebrow="Job" title="A job">
        <LoginFirst title="Log in to see this job" options={loginOptions()}>
          Jobs belong to the wallet that asked for them.
        </LoginFirst>
      </Page>
    );
  }
  const [job, { events }] = await Promise.all([getAnyJob(deps(), who, id), listJobEvents(deps(), who, id, {})]).catch(
    (error: unknown) => {
      if (isAppError(error) && error.code === "not-found") notFound();
      throw error;
    },
  );
  return job.kind === "rental" ? (
    <Rental who={who} id={id} job={job} events={events} />
  ) : (
    <Batch who={who} job={job} events={events} />
  );
}
