// A shell in a job, as large as the window.
import type { Metadata, Viewport } from "next";
import { notFound } from "next/navigation";
import { JobTerminal } from "../../../../components/job/terminal.tsx";
import { LoginFirst } from "../../../../components/shell/login-first.tsx";
import { Page } from "../../../../components/shell/page.tsx";
import { LinkButton } from "../../../../components/ui/button.tsx";
import { Notice } from "../../../../components/ui/notice.tsx";
import { isAppError } from "../../../../domain/errors.ts";
import { isId } from "../../../../domain/ids.ts";
import { getJob } from "../../../../server/usecases/job/get-job.ts";
import { deps, loginOptions, principal } from "../../../context.ts";
import { terminalRefusal } from "./actions.ts";

export const metadata: Metadata = { title: "Terminal" };
/** A phone's keyboard takes its room from the page, not from what is under it. */
export const viewport: Viewport = { interactiveWidget: "resizes-content" };

export default async function TerminalPage({ params }: { readonly params: Promise<{ readonly id: string }> }) {
  const [{ id }, who] = await Promise.all([params, principal()]);
  if (!isId("job", id)) notFound();
  if (!who) {
    return (
      <Page eyebrow="Job" title="A terminal">
        <LoginFirst title="Log in to open this terminal" options={loginOptions()}>
          Jobs belong to the wallet that rented them.
        </LoginFirst>
      </Page>
    );
  }
  const job = await getJob(deps(), who, id).catch((error: unknown) => {
    if (isAppError(error) && error.code === "not-found") notFound();
    throw error;
  });
  if (job.terminal) return <JobTerminal jobId={job.id} name={job.name} refusal={terminalRefusal.bind(null, job.id)} />;
  return (
    <Page eyebrow="Terminal" title={job.name} aside={<LinkButton href={`/jobs/${job.id}`}>Back to the job</LinkButton>}>
      <Notice>
        {job.status === "running"
          ? "This rental was made before terminals were: use ssh."
          : `There is no terminal: the job is ${job.status}.`}
      </Notice>
    </Page>
  );
}
