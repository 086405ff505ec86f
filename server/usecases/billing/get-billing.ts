// What an account has, holds, spent and earned, and the entries that explain it.
import type { z } from "zod";
import type { Principal } from "../../../domain/account/principal.ts";
import type { JobId } from "../../../domain/ids.ts";
import { formatMicros } from "../../../domain/money/micros.ts";
import type { BillingView, EntriesView, EntryView } from "../../../protocol/account-views.ts";
import type { Deps } from "../../deps.ts";
import { numberCursors } from "../../repos/cursor.ts";
import { balanceOf, entriesOf } from "../../repos/ledger.ts";

const DEFAULT_LIMIT = 50;
const cursors = numberCursors("entries");

interface PageQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export async function getBilling(
  deps: Pick<Deps, "db">,
  owner: Principal,
  query: PageQuery = {},
): Promise<z.infer<typeof BillingView> & z.infer<typeof EntriesView>> {
  const [balance, page] = await Promise.all([balanceOf(deps.db, owner.account), listEntries(deps, owner, query)]);
  return {
    account: owner.account,
    available: formatMicros(balance.available),
    available_promotion: formatMicros(balance.availablePromotion),
    held: formatMicros(balance.held),
    spent: formatMicros(balance.spent),
    earned: formatMicros(balance.earned),
    ...page,
  };
}

export async function listEntries(
  { db }: Pick<Deps, "db">,
  owner: Principal,
  query: PageQuery & { readonly job_id?: JobId | undefined },
): Promise<z.infer<typeof EntriesView>> {
  const limit = query.limit ?? DEFAULT_LIMIT;
  const beforeId = cursors.open(query.cursor);
  const rows = await entriesOf(db, owner.account, { beforeId, jobId: query.job_id ?? null, limit: limit + 1 });
  const { shown, ...rest } = cursors.page(rows, limit, ({ id }) => id);
  return { entries: shown.map(toEntryView), ...rest };
}

type EntryRow = Awaited<ReturnType<typeof entriesOf>>[number];

function toEntryView(row: EntryRow): EntryView {
  return {
    id: String(row.id),
    posting_id: row.postingId,
    at: row.at.toISOString(),
    kind: row.kind,
    book: row.book,
    funds: row.funds,
    amount: formatMicros(row.amount),
    job_id: row.jobId,
    description: row.description,
  };
}
