// Who decided what, newest first.
import type { Metadata } from "next";
import { EventsTable } from "../../../components/operator/events-table.tsx";
import { OperatorFrame } from "../../../components/operator/frame.tsx";
import { Empty } from "../../../components/ui/empty.tsx";
import { Pager } from "../../../components/ui/pager.tsx";
import { listAudit } from "../../../server/usecases/operator/list-audit.ts";
import { deps } from "../../context.ts";
import { listAt } from "../../list-at.ts";
import { first, hrefOf, type SearchParams } from "../../search-params.ts";
import { forOperator } from "../operator.tsx";

export const metadata: Metadata = { title: "Audit trail · Operator" };

const PATH = "/operator/audit";

export default function AuditPage({ searchParams }: { readonly searchParams: SearchParams }) {
  return forOperator(async (operator) => {
    const given = first((await searchParams).cursor);
    const page = await listAt(given, (cursor) => listAudit(deps(), operator, { cursor }));
    const { events, next_cursor: next, onFirst } = page;
    return (
      <OperatorFrame here={PATH} title="Audit trail">
        <section className="sheet" aria-label="Audit trail">
          {events.length > 0 ? (
            <EventsTable events={events} caption="Decisions" who />
          ) : (
            <Empty title="Nobody decided anything yet">
              <p>Every decision of a person about a machine is kept here for good, with the wallet that took it.</p>
            </Empty>
          )}
          <Pager
            label="Pages of decisions"
            firstHref={onFirst ? null : PATH}
            nextHref={next ? hrefOf(PATH, { cursor: next }) : null}
          />
        </section>
      </OperatorFrame>
    );
  });
}
