// A rental's page: the way in, what it costs, what happened, and how to extend or stop it.
import { randomUUID } from "node:crypto";
import { BillPanel } from "../../../components/job/bill-panel.tsx";
import { ExtendDialog } from "../../../components/job/extend-dialog.tsx";
import { LogsPanel } from "../../../components/job/logs-panel.tsx";
import { MachinePanel } from "../../../components/job/machine-panel.tsx";
import { PortPanel } from "../../../components/job/port-panel.tsx";
import { rentAgain } from "../../../components/job/rent-again.ts";
import { SshPanel } from "../../../components/job/ssh-panel.tsx";
import { StateNotice } from "../../../components/job/state-notice.tsx";
import { StopDialog } from "../../../components/job/stop-dialog.tsx";
import { TerminalLink } from "../../../components/job/terminal-link.tsx";
import { Timeline } from "../../../components/job/timeline.tsx";
import { Page } from "../../../components/shell/page.tsx";
import { LinkButton } from "../../../components/ui/button.tsx";
import { Live } from "../../../components/ui/live.tsx";
import { Status } from "../../../components/ui/status.tsx";
import type { Principal } from "../../../domain/account/principal.ts";
import { isAppError } from "../../../domain/errors.ts";
import type { JobId } from "../../../domain/ids.ts";
import { MAX_RENTAL_HOURS } from "../../../domain/job/wish.ts";
import type { EventView, JobView } from "../../../protocol/job-views.ts";
import { readLogs } from "../../../server/usecases/job/read-logs.ts";
import { deps } from "../../context.ts";
import { extendAction, stopAction } from "./actions.ts";

/** The stream wakes the page when something happened; between events only the cost moves. */
const EVERY_MS = 5000;

/** A pod's log comes from its machine; the page does not wait for one that is slow. */
const LOG_WITHIN_MS = 3000;

/** @returns null where it cannot be read now: the panel says so, and the rest of the page is there */
async function lastLines(who: Principal, id: JobId) {
  const signal = AbortSignal.timeout(LOG_WITHIN_MS);
  try {
    const { logs: text, truncated } = await readLogs(deps(), who, id, { tailLines: null, signal });
    return signal.aborted ? null : { text, truncated };
  } catch (error) {
    if (signal.aborted || (isAppError(error) && error.code === "unavailable")) return null;
    throw error;
  }
}

interface RentalProps {
  readonly who: Principal;
  readonly id: JobId;
  readonly job: JobView;
  readonly events: readonly EventView[];
}

export async function Rental({ who, id, job, events }: RentalProps) {
  const log = await lastLines(who, id);
  const now = deps().clock.now().toISOString();
  const live = job.ended_at === null;
  const running = job.status === "running";
  return (
    <Page
      eyebrow={
        <>
          Rental · <span className="normal-case">{job.id}</span>
        </>
      }
      title={
        <>
          {job.name} <Status status={job.status} />
        </>
      }
      aside={
        live ? (
          <>
            <TerminalLink job={job} />
            {running && (
              <ExtendDialog
                action={extendAction.bind(null, job.id)}
                pricePerHour={job.price_per_hour}
                mostHours={Math.max(0, MAX_RENTAL_HOURS - job.duration_hours)}
                idempotencyKey={randomUUID()}
              />
            )}
            {(running || job.status === "pending") && (
              <StopDialog name={job.name} action={stopAction.bind(null, job.id)} />
            )}
          </>
        ) : (
          <LinkButton href={rentAgain(job)}>Rent again</LinkButton>
        )
      }
    >
      {live && <Live everyMs={EVERY_MS} stream={`/api/v1/jobs/${job.id}/events`} />}
      <div className="grid items-start gap-5 lg:grid-cols-[minmax(0,1fr)_20rem]">
        <div className="grid min-w-0 gap-5">
          <SshPanel job={job} />
          <PortPanel job={job} served={deps().settings.appsDomain !== null} />
          <StateNotice job={job} now={now} />
          <LogsPanel jobId={job.id} first={log} over={!live} />
          <Timeline events={events} />
        </div>
        <div className="grid gap-5">
          <BillPanel job={job} />
          <MachinePanel job={job} />
        </div>
      </div>
    </Page>
  );
}
