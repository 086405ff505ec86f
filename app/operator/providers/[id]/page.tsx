// One machine as an operator judges it: what it claims, what went wrong with it, what was decided.
import type { Metadata } from "next";
import { notFound } from "next/navigation";
import { Checks } from "../../../../components/operator/checks.tsx";
import { Decide } from "../../../../components/operator/decide.tsx";
import { EventsTable } from "../../../../components/operator/events-table.tsx";
import { OperatorFrame } from "../../../../components/operator/frame.tsx";
import { gpusOf } from "../../../../components/operator/provider-words.tsx";
import { Standing } from "../../../../components/operator/providers-table.tsx";
import { Panel } from "../../../../components/shell/page.tsx";
import { LinkButton } from "../../../../components/ui/button.tsx";
import { Fact, Facts } from "../../../../components/ui/facts.tsx";
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
          <Facts>
            <Fact name="GPUs">{gpusOf(provider)}</Fact>
            <Fact name="Cores, memory, disk">
              {provider.cpu_cores}, {provider.memory_gb} GB, {provider.disk_gb} GB
            </Fact>
            <Fact name="Operating system">{provider.os}</Fact>
            <Fact name="Agent">{provider.agent_version}</Fact>
            <Fact name="Region">{provider.region}</Fact>
            <Fact name="Reputation">{provider.reputation}</Fact>
            <Fact name="Running there">{provider.live_executions}</Fact>
            <Fact name="Per GPU-hour">
              <Money usd={provider.price_per_gpu_hour} short />
            </Fact>
            <Fact name="Enrolled">
              <Moment at={provider.created_at} withDay />
            </Fact>
            <Fact name="Last heard">
              {provider.last_seen_at ? <Moment at={provider.last_seen_at} withDay /> : "never"}
            </Fact>
          </Facts>
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
