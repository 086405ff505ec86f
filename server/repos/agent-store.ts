// What the agent adapter stands on: the desired set with its specs sealed, and what providers reported last.
import { sql } from "drizzle-orm";
import type { ExecutionId, ProviderId } from "../../domain/ids.ts";
import type { Db, SecretBox } from "../deps.ts";
import { dropDesired, findDesired, putDesired } from "./desired.ts";

/** One execution as its own provider's last report and the desired set know it. */
export interface Sighting {
  readonly executionId: ExecutionId;
  /** the provider's address */
  readonly host: string;
  readonly desired: boolean;
  /** whether there was a report at all, and whether it already acts on the newest desired set */
  readonly reported: boolean;
  readonly caughtUp: boolean;
  /** the execution's part of the report as it came; null where the report does not hold it */
  readonly report: unknown;
}

type Row = {
  execution_id: ExecutionId;
  host: string;
  desired: boolean;
  reported: boolean;
  caught_up: boolean;
  report: unknown;
};

const CAUGHT_UP = sql`coalesce(pp.reported_generation >= p.generation, false) as caught_up`;

/** Where the desired set and the reports are kept. */
export type AgentStore = ReturnType<typeof agentStore>;

/** @param secrets seal the specs: they carry keys and environment */
export function agentStore(db: Db, secrets: SecretBox) {
  return {
    /** Sealing never gives the same text twice, so what is there is compared opened. */
    async putDesired(executionId: ExecutionId, providerId: ProviderId, spec: string): Promise<void> {
      const there = await findDesired(db, executionId);
      if (there && secrets.open(there.sealedSpec) === spec) return;
      const sealedSpec = secrets.seal(spec);
      await db.transaction((tx) => putDesired(tx, { executionId, providerId, sealedSpec }));
    },

    async dropDesired(executionId: ExecutionId): Promise<void> {
      await db.transaction((tx) => dropDesired(tx, executionId));
    },

    /** Only the execution's own provider is believed about it; of one that no row knows, whoever reports it. */
    async sighting(executionId: ExecutionId): Promise<Sighting | null> {
      const [row] = await db.execute<Row>(sql`
        select ${executionId} as execution_id, p.host, d.execution_id is not null as desired,
          pp.provider_id is not null as reported, ${CAUGHT_UP}, r.report
        from providers p
        left join provider_presence pp on pp.provider_id = p.id
        left join desired_executions d on d.provider_id = p.id and d.execution_id = ${executionId}
        left join lateral (
          select item as report from jsonb_array_elements(pp.report) as each(item)
          where item->>'id' = ${executionId} limit 1) r on true
        where p.id = coalesce(
          (select provider_id from desired_executions where execution_id = ${executionId}),
          (select provider_id from executions where id = ${executionId}),
          (select provider_id from provider_presence
            where report @> jsonb_build_array(jsonb_build_object('id', ${executionId}::text)) limit 1))`);
      return row ? toSighting(row) : null;
    },

    /** All that any provider reports, and all that should run; what is of a batch job is not looked after here. */
    async sightings(): Promise<Sighting[]> {
      const rows = await db.execute<Row>(sql`
        select coalesce(r.report->>'id', d.execution_id) as execution_id, p.host, d.execution_id is not null as desired,
          pp.provider_id is not null as reported, ${CAUGHT_UP}, r.report
        from (
          select provider_id, item as report from provider_presence, jsonb_array_elements(report) as each(item)
          where not exists (select 1 from batch_executions e where e.id = item->>'id')) r
        full join desired_executions d on d.provider_id = r.provider_id and d.execution_id = r.report->>'id'
        join providers p on p.id = coalesce(r.provider_id, d.provider_id)
        left join provider_presence pp on pp.provider_id = p.id`);
      return rows.map(toSighting);
    },
  };
}

function toSighting(row: Row): Sighting {
  const { execution_id, host, desired, reported, caught_up, report } = row;
  return { executionId: execution_id, host, desired, reported, caughtUp: caught_up, report };
}
