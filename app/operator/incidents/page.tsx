// What went wrong with machines, newest first; of all of them or of one.
import type { Metadata } from "next";
import { EventsTable } from "../../../components/operator/events-table.tsx";
import { OperatorFrame } from "../../../components/operator/frame.tsx";
import { LinkButton } from "../../../components/ui/button.tsx";
import { Empty } from "../../../components/ui/empty.tsx";
import { Live } from "../../../components/ui/live.tsx";
import { Pager } from "../../../components/ui/pager.tsx";
import { operatorOperations } from "../../../protocol/operations/operator.ts";
import { listIncidents } from "../../../server/usecases/operator/list-incidents.ts";
import { deps } from "../../context.ts";
import { first, hrefOf, type SearchParams } from "../../search-params.ts";
import { forOperator } from "../operator.tsx";

export const metadata: Metadata = { title: "Incidents · Operator" };

const EVERY_MS = 10_000;
const PATH = "/operator/incidents";

export default function IncidentsPage({ searchParams }: { readonly searchParams: SearchParams }) {
  return forOperator(async (operator) => {
    const params = await searchParams;
    const given = { provider_id: first(params.provider_id), cursor: first(params.cursor) };
    const parsed = operatorOperations.listIncidents.query.safeParse(given);
    const query = parsed.success ? parsed.data : {};
    const { events, next_cursor: next } = await listIncidents(deps(), operator, query);
    const one = query.provider_id;
    return (
      <OperatorFrame
        here={PATH}
        title={one ? `Incidents of ${events[0]?.provider_name ?? "one machine"}` : "Incidents"}
        aside={one && <LinkButton href={PATH}>Of all machines</LinkButton>}
      >
        <Live everyMs={EVERY_MS} />
        <section className="sheet" aria-label="Incidents">
          {events.length > 0 ? (
            <EventsTable events={events} caption="Incidents" who={false} />
          ) : (
            <Empty title="No incident">
              <p>
                A machine that falls silent, a GPU that is gone, two agents with one identity: they are here at once.
              </p>
            </Empty>
          )}
          <Pager
            label="Pages of incidents"
            firstHref={given.cursor ? hrefOf(PATH, { provider_id: one }) : null}
            nextHref={next ? hrefOf(PATH, { provider_id: one, cursor: next }) : null}
          />
        </section>
      </OperatorFrame>
    );
  });
}
