// Played machines for the benchmark of batch jobs: proven ones, of an owner each, that sign what they deliver.
import { createHash, type KeyObject, sign } from "node:crypto";
import { sql } from "drizzle-orm";
import type { ExecutionId, ProviderId } from "../domain/ids.ts";
import { manifestText } from "../domain/verification/manifest.ts";
import { type ResultReport, resultText } from "../protocol/results.ts";
import type { Deps } from "../server/deps.ts";
import { textArray } from "../server/repos/arrays.ts";
import { recomputeManyOffers } from "../server/repos/offers.ts";
import { seedProviders } from "./seed.ts";

/** What `takeResults` is sent at once at most. */
export const MOST_RESULTS = 100;

export interface Backlog {
  readonly providerId: ProviderId;
  readonly reports: readonly ResultReport[];
}

/** @returns asks for what each machine has to deliver now, signed, in batches */
export async function openFleet(deps: Deps, size: number): Promise<() => Promise<Backlog[]>> {
  const seeded = await seedProviders(deps, size, 1);
  const keys = new Map(seeded.map(({ id, privateKey }) => [id, privateKey]));
  const ids = textArray([...keys.keys()]);
  await deps.db.transaction(async (tx) => {
    await tx.execute(sql`
      insert into accounts (address, created_at)
      select '0x' || lpad(to_hex(8000000 + n), 40, '0'), now() from generate_series(1, ${size}::int) n`);
    await tx.execute(sql`
      update providers p set cpu_cores = ${MOST_RESULTS}::int, owner = '0x' || lpad(to_hex(8000000 + s.n), 40, '0')
      from (select id, row_number() over (order by id) as n from providers where id = any(${ids})) s where p.id = s.id`);
    // As after a hundred verified results each: whose first results these are is asked in another way.
    await tx.execute(sql`
      insert into provider_evidence (provider_id, verified, at) select id, 100, now() from providers where id = any(${ids})`);
    await recomputeManyOffers(tx, [...keys.keys()]);
  });
  return async () => {
    const rows = await deps.db.execute<{ id: ExecutionId; provider: ProviderId }>(sql`
      select id, provider_id as provider from batch_executions where status in ('scheduled','running') order by id`);
    const all = new Map<ProviderId, ResultReport[]>();
    for (const { id, provider } of rows) {
      const key = keys.get(provider);
      if (key) all.set(provider, [...(all.get(provider) ?? []), report(id, key)]);
    }
    return [...all].flatMap(([providerId, reports]) =>
      Array.from({ length: Math.ceil(reports.length / MOST_RESULTS) }, (_, n) => ({
        providerId,
        reports: reports.slice(n * MOST_RESULTS, (n + 1) * MOST_RESULTS),
      })),
    );
  };
}

const sha256 = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const STDOUT = Buffer.from("5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03  -\n");
const HASH = sha256(manifestText({ stdoutSha256: sha256(STDOUT), stdoutBytes: STDOUT.byteLength, files: [] }));

function report(id: ExecutionId, key: KeyObject): ResultReport {
  return {
    ...{ execution_id: id, outcome: "completed", end: null, detail: "", exit_code: 0, run_ms: 1, started_at: null },
    ...{ stdout: STDOUT.toString("base64"), stderr: "", files: [], result_hash: HASH },
    signature: sign(null, Buffer.from(resultText(id, HASH)), key).toString("base64"),
  };
}
