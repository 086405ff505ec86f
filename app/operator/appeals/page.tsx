// Appeals of owners: those without an answer first.
import type { Metadata } from "next";
import { Appeal } from "../../../components/operator/appeal.tsx";
import { OperatorFrame } from "../../../components/operator/frame.tsx";
import { Empty } from "../../../components/ui/empty.tsx";
import { Pager } from "../../../components/ui/pager.tsx";
import { listAppeals } from "../../../server/usecases/operator/list-appeals.ts";
import { deps } from "../../context.ts";
import { listAt } from "../../list-at.ts";
import { first, hrefOf, type SearchParams } from "../../search-params.ts";
import { decideAppealAction } from "../actions.ts";
import { forOperator } from "../operator.tsx";

export const metadata: Metadata = { title: "Appeals · Operator" };

const PATH = "/operator/appeals";

export default function AppealsPage({ searchParams }: { readonly searchParams: SearchParams }) {
  return forOperator(async (operator) => {
    const given = first((await searchParams).cursor);
    const page = await listAt(given, (cursor) => listAppeals(deps(), operator, { cursor }));
    const { appeals, next_cursor: next, onFirst } = page;
    const now = deps().clock.now().toISOString();
    return (
      <OperatorFrame here={PATH} title="Appeals">
        {appeals.length > 0 ? (
          appeals.map((appeal) => (
            <Appeal key={appeal.id} appeal={appeal} now={now} decide={decideAppealAction.bind(null, appeal.id)} />
          ))
        ) : (
          <div className="sheet">
            <Empty title="No appeal">
              <p>An owner may appeal a loss of reputation within 7 days, once; you owe an answer within 14.</p>
            </Empty>
          </div>
        )}
        <Pager
          label="Pages of appeals"
          firstHref={onFirst ? null : PATH}
          nextHref={next ? hrefOf(PATH, { cursor: next }) : null}
        />
      </OperatorFrame>
    );
  });
}
