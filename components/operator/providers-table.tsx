// Machines as operators judge them; on a phone a card each.
import Link from "next/link";
import type { OperatorProviderView } from "../../protocol/views.ts";
import { roughSpan } from "../ui/span.ts";
import { Status } from "../ui/status.tsx";
import { Moment } from "../ui/time.tsx";
import { Checks } from "./checks.tsx";
import { Decide, type Decisions } from "./decide.tsx";
import { Concerns, gpusOf, Owner } from "./provider-words.tsx";

interface ProvidersTableProps {
  readonly providers: readonly OperatorProviderView[];
  /** when the server read them: ages are told against it */
  readonly now: string;
  readonly decisionsOf: (id: string) => Decisions;
}

/** The status that people see, how long it lasts, and why somebody decided so. */
export function Standing({ provider, now }: { readonly provider: OperatorProviderView; readonly now: string }) {
  const { status, offline_since: since, admission_reason: reason } = provider;
  return (
    <>
      <Status status={status}>
        {since ? `${status} ${roughSpan(Date.parse(now) - Date.parse(since))}` : undefined}
      </Status>
      {reason && <p className="mt-1 max-w-[22rem] text-ink-2 text-small [overflow-wrap:anywhere]">{reason}</p>}
    </>
  );
}

export function ProvidersTable({ providers, now, decisionsOf }: ProvidersTableProps) {
  return (
    <table className="table">
      <caption className="sr-only">Providers</caption>
      <thead>
        <tr>
          <th scope="col">Machine</th>
          <th scope="col">Status</th>
          <th scope="col">GPUs</th>
          <th scope="col">To look at</th>
          <th scope="col">Owner</th>
          <th scope="col" className="r">
            Running
          </th>
          <th scope="col" className="r">
            Reputation
          </th>
          <th scope="col" className="r">
            Enrolled
          </th>
          <th scope="col">
            <span className="sr-only">Decide</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {providers.map((provider) => (
          <tr key={provider.id}>
            <td data-wide="">
              <Link className="link font-[540]" href={`/operator/providers/${provider.id}`} prefetch={false}>
                {provider.name}
              </Link>
              <p className="text-ink-3 text-small">
                {provider.region} · <span className="[overflow-wrap:anywhere]">{provider.host}</span>
              </p>
            </td>
            <td data-label="Status" data-double="">
              <Standing provider={provider} now={now} />
            </td>
            <td data-label="GPUs">{gpusOf(provider)}</td>
            <td data-label="To look at" data-wide="">
              <Concerns provider={provider} />
            </td>
            <td data-label="Owner">
              <Owner owner={provider.owner} />
            </td>
            <td data-label="Running" className="r num">
              {provider.live_executions}
            </td>
            <td data-label="Reputation" className="r num">
              {provider.reputation}
            </td>
            <td data-label="Enrolled" data-wide="" className="r text-small">
              <Moment at={provider.created_at} withDay />
            </td>
            <td data-wide="" className="r">
              <span className="inline-flex flex-wrap gap-2 md:justify-end">
                <Decide
                  provider={provider}
                  decisions={decisionsOf(provider.id)}
                  checks={<Checks provider={provider} />}
                />
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
