// One machine as an operator judges it: what it claims, what went wrong with it, what was decided.
import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { Fragment } from "react";
import { Checks } from "../../../../components/operator/checks.tsx";
import { Decide } from "../../../../components/operator/decide.tsx";
import { EventsTable } from "../../../../components/operator/events-table.tsx";
import { OperatorFrame } from "../../../../components/operator/frame.tsx";
import { gpusOf } from "../../../../components/operator/provider-words.tsx";
import { Standing } from "../../../../components/operator/providers-table.tsx";
import { Panel } from "../../../../components/shell/page.tsx";
import { LinkButton } from "../../../../components/ui/button.tsx";
import { Live } from "../../../../components/ui/live.tsx";
import { Money } from "../../../../components/ui/money.tsx";
import { Moment } from "../../../../components/ui/time.tsx";
import type { Principal } from "../../../../domain/account/principal.ts";
import { isAppError } from "../../../../domain/errors.ts";
import { isId, type ProviderId } from "../../../../domain/ids.ts";
import { listIncidents } from "../../../../server/usecases/operator/list-incidents.ts";
import { getProviderForOperator } from "../../../../server/usecases/operator/list-providers.ts";
import { deps } from "../../../context.ts";
import { decisionsOf, forOperator } from "../../operator.tsx";

export const metadata: Metadata = { title: "Provider · Operator" };

const EVERY_MS = 5000;
const INCIDENTS_SHOWN = 10;

export default function OperatorProviderPage({ params }: { readonly params: Promise<{ readonly id: string }> }) {
  return forOperator(async (operator) => {
    const { id } = await params;
    if (!isId("prov", id)) notFound();
    return view(operator, id);
  });
}

async function view(operator: Principal, id: ProviderId) {
  const [provider, incidents] = await Promise.all([
    getProviderForOperator(deps(), operator, id),
    listIncidents(deps(), operator, { provider_id: id, limit: INCIDENTS_SHOWN }),
  ]).catch((error: unknown) => {
    if (isAppError(error) && error.code === "not-found") notFound();
    throw error;
  });
  const now = deps().clock.now().toISOString();
  const facts = [
    ["GPUs", gpusOf(provider)],
    ["Cores, memory, disk", `${provider.cpu_cores}, ${provider.memory_gb} GB, ${provider.disk_gb} GB`],
    ["Operating system", provider.os],
    ["Agent", provider.agent_version],
    ["Region", provider.region],
    ["Reputation", provider.reputation],
    ["Running there", provider.live_executions],
    ["Per GPU-hour", <Money key="price" usd={provider.price_per_gpu_hour} short />],
    ["Enrolled", <Moment key="enrolled" at={provider.created_at} withDay />],
    ["Last heard", provider.last_seen_at ? <Moment key="heard" at={provider.last_seen_at} withDay /> : "never"],
  ] as const;
  return (
    <OperatorFrame
      here="/operator/providers"
      title={provider.name}
      aside={
        <>
          <LinkButton href={`/provider/${id}`}>Usage and history</LinkButton>
          <Decide
            provider={provider}
            decisions={decisionsOf(id)}
            checks={<Checks provider={provider} />}
            small={false}
          />
        </>
      }
    >
      <Live everyMs={EVERY_MS} />
      <div>
        <Standing provider={provider} now={now} />
      </div>
      <div className="grid items-start gap-5 lg:grid-cols-2">
        <Panel title="What to check">
          <Checks provider={provider} />
        </Panel>
        <Panel title="What it says it is">
          <dl className="facts">
            {facts.map(([term, words]) => (
              <Fragment key={term}>
                <dt>{term}</dt>
                <dd>{words}</dd>
              </Fragment>
            ))}
          </dl>
        </Panel>
      </div>
      <section className="sheet" aria-label="Incidents">
        <h2 className="border-line border-b p-4">Incidents</h2>
        {incidents.count > 0 ? (
          <EventsTable events={incidents.events} caption="Incidents of this machine" who={false} />
        ) : (
          <p className="p-4 text-cell text-ink-2">Nothing went wrong with it so far.</p>
        )}
        {incidents.next_cursor && (
          <p className="border-line border-t p-4 text-cell">
            <LinkButton small href={`/operator/incidents?provider_id=${id}`}>
              All its incidents
            </LinkButton>
          </p>
        )}
      </section>
    </OperatorFrame>
  );
}
