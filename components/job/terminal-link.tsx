// The way to a shell in the browser, where the job has one.
import type { JobView } from "../../protocol/job-views.ts";
import { LinkButton } from "../ui/button.tsx";

export function TerminalLink({ job }: { readonly job: Pick<JobView, "id" | "terminal"> }) {
  if (!job.terminal) return null;
  return (
    <LinkButton href={`/jobs/${job.id}/terminal`} prefetch={false}>
      Terminal
    </LinkButton>
  );
}
