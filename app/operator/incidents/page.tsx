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
import { listAt } from "../../list-at.ts";
import { first, hrefOf, type SearchParams } from "../../search-params.ts";
import { forOperator } from "../operator.tsx";

export const metadata: Metadata = { title: "Incidents · Operator" };

const EVERY_MS = 10_000;
const PATH = "/operator/incidents";

export default function IncidentsPage({ searchParams }: { readonly searchParams: SearchParams }) {
  return forOperator(async (operator) => {
    const params = await searchParams;
    const parsed = operatorOperations.listIncidents.query.safeParse({ provider_id: first(params.provider_id) });
    const one = parsed.data?.provider_id;
    const page = await listAt(first(params.cursor), (cursor) =>
      listIncidents(deps(), operator, { provider_id: one, cursor }),
    );
    const { events, next_cursor: next, onFirst } = page;
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
            firstHref={onFirst ? null : hrefOf(PATH, { provider_id: one })}
            nextHref={next ? hrefOf(PATH, { provider_id: one, cursor: next }) : null}
          />
        </section>
      </OperatorFrame>
    );
  });
}
