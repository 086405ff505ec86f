// A batch job's page: the verdict, the panel that reached it, what came of it and what it cost.
import { CancelDialog } from "../../../components/batch/cancel-dialog.tsx";
import { ErrorsPanel, FilesPanel, ResultPanel } from "../../../components/batch/output.tsx";
import { PanelPicture } from "../../../components/batch/panel-picture.tsx";
import { SettingsPanel } from "../../../components/batch/settings-panel.tsx";
import { VerdictBanner } from "../../../components/batch/verdict-banner.tsx";
import { BillPanel } from "../../../components/job/bill-panel.tsx";
import { shellWord } from "../../../components/job/ssh-access.ts";
import { Timeline } from "../../../components/job/timeline.tsx";
import { Page } from "../../../components/shell/page.tsx";
import { LinkButton } from "../../../components/ui/button.tsx";
import { CopyLine } from "../../../components/ui/copy-line.tsx";
import { Live } from "../../../components/ui/live.tsx";
import { Status } from "../../../components/ui/status.tsx";
import type { Principal } from "../../../domain/account/principal.ts";
import { isDecided } from "../../../domain/job/batch.ts";
import type { BatchJobView } from "../../../protocol/batch.ts";
import type { EventView } from "../../../protocol/job-views.ts";
import { listExecutions } from "../../../server/usecases/batch/get-batch.ts";
import { deps } from "../../context.ts";
import { stopAction } from "./actions.ts";

/** The stream wakes the page when something happened; between events only bars grow, and they grow by themselves. */
const EVERY_MS = 5000;
/** A decided job changes only when a machine that it rests on is caught. */
const DECIDED_EVERY_MS = 60_000;

interface BatchProps {
  readonly who: Principal;
  readonly job: BatchJobView;
  readonly events: readonly EventView[];
}

export async function Batch({ who, job, events }: BatchProps) {
  const { executions } = await listExecutions(deps(), who, job.id);
  const decided = isDecided(job.status);
  const command = job.command.map(shellWord).join(" ");
  return (
    <Page
      eyebrow={
        <>
          Batch · <span className="normal-case">{job.id}</span>
        </>
      }
      title={
        <>
          {job.name} <Status status={job.status} />
        </>
      }
      aside={
        <>
          {!decided && <CancelDialog name={job.name} action={stopAction.bind(null, job.id)} />}
          <LinkButton href={`/submit?from=${job.id}`}>Submit again</LinkButton>
        </>
      }
    >
      <Live
        everyMs={decided ? DECIDED_EVERY_MS : EVERY_MS}
        {...(decided ? {} : { stream: `/api/v1/jobs/${job.id}/events` })}
      />
      {job.description && <p className="-mt-3 max-w-[70ch] text-ink-2">{job.description}</p>}
      <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="grid min-w-0 gap-5">
          {command === "" ? (
            <p className="text-cell text-ink-2">It runs the image's own entrypoint.</p>
          ) : (
            <CopyLine text={command} label="Copy the command" />
          )}
          <VerdictBanner job={job} />
          <PanelPicture
            submittedAt={job.submitted_at}
            executions={executions}
            accepted={job.verdict?.digest ?? null}
            now={deps().clock.now().toISOString()}
            decided={decided}
          />
          <ResultPanel job={job} />
          <FilesPanel id={job.result === undefined ? null : job.id} executions={executions} />
          <ErrorsPanel executions={executions} />
          <Timeline events={events} />
        </div>
        <div className="grid gap-5">
          <BillPanel job={job} />
          <SettingsPanel job={job} />
        </div>
      </div>
    </Page>
  );
}
