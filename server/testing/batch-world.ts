// A played fleet for tests of batch jobs: machines with keys of their own that deliver what they are told to.
import { createHash, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { eq, sql } from "drizzle-orm";
import type { z } from "zod";
import type { Principal } from "../../domain/account/principal.ts";
import type { ExecutionId, JobId, ProviderId } from "../../domain/ids.ts";
import { manifestText } from "../../domain/verification/manifest.ts";
import { providers } from "../../drizzle/schema/provider.ts";
import { BatchBody } from "../../protocol/batch.ts";
import type { JobBody } from "../../protocol/operations/job.ts";
import { type ResultReport, resultText } from "../../protocol/results.ts";
import type { Deps } from "../deps.ts";
import { recomputeOffers } from "../repos/offers.ts";
import { submitBatch } from "../usecases/batch/submit-batch.ts";
import { takeResults } from "../usecases/batch/take-results.ts";
import { submitRental } from "../usecases/job/submit-rental.ts";
import type { ProviderWish, World } from "./world.ts";

export interface LiveRun {
  readonly id: ExecutionId;
  readonly jobId: JobId;
  readonly providerId: ProviderId;
}

export interface Played {
  readonly stdout?: string;
  /** sorted by path */
  readonly files?: readonly { readonly path: string; readonly content: string }[];
  readonly exitCode?: number;
  readonly outcome?: ResultReport["outcome"];
  readonly end?: ResultReport["end"];
  readonly detail?: string;
  readonly runMs?: number;
  readonly hash?: string;
}

const sha256 = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** As the route of POST /jobs does. */
export function submitEither(deps: Deps, customer: Principal, body: JobBody, key: string | null) {
  return body.kind === "rental" ? submitRental(deps, customer, body, key) : submitBatch(deps, customer, body, key);
}

export async function openFleet(world: World, size: number, wish: ProviderWish = {}) {
  const keys = new Map<ProviderId, KeyObject>();
  const machines: ProviderId[] = [];
  async function add(over: ProviderWish = {}): Promise<ProviderId> {
    const id = await world.provider({ gpus: 0, cpuCores: 4, ...wish, ...over });
    const { publicKey, privateKey } = generateKeyPairSync("ed25519");
    const der = publicKey.export({ type: "spki", format: "der" }).toString("base64");
    await world.db.update(providers).set({ publicKey: der }).where(eq(providers.id, id));
    keys.set(id, privateKey);
    machines.push(id);
    return id;
  }
  for (let i = 0; i < size; i++) await add();

  function report({ id, providerId }: Pick<LiveRun, "id" | "providerId">, played: Played = {}): ResultReport {
    const stdout = Buffer.from(played.stdout ?? "right");
    const made = (played.files ?? []).map(({ path, content }) => ({ path, bytes: Buffer.from(content) }));
    const files = made.map(({ path, bytes }) => ({ path, sha256: sha256(bytes), bytes: bytes.byteLength }));
    const manifest = { stdoutSha256: sha256(stdout), stdoutBytes: stdout.byteLength, files };
    const hash = played.hash ?? sha256(manifestText(manifest));
    const key = keys.get(providerId);
    if (!key) throw new Error(`${providerId} is not of this fleet`);
    return {
      execution_id: id,
      outcome: played.outcome ?? "completed",
      end: played.end ?? null,
      detail: played.detail ?? "",
      exit_code: played.exitCode ?? 0,
      run_ms: played.runMs ?? 1_000,
      started_at: null,
      stdout: stdout.toString("base64"),
      stderr: "",
      files: made.map(({ path, bytes }) => ({ path, content: bytes.toString("base64") })),
      result_hash: hash,
      signature: sign(null, Buffer.from(resultText(id, hash)), key).toString("base64"),
    };
  }

  return {
    machines,
    add,
    report,
    /** Only these take work from now on. */
    only: async (...ids: readonly ProviderId[]): Promise<void> => {
      for (const id of machines) {
        const drain = ids.includes(id) ? "none" : "draining";
        await world.db.update(providers).set({ drain }).where(eq(providers.id, id));
        await world.db.transaction((tx) => recomputeOffers(tx, id));
      }
    },
    /** As the agent of that machine signs. @returns base64 */
    sign: (providerId: ProviderId, text: string): string => {
      const key = keys.get(providerId);
      if (!key) throw new Error(`${providerId} is not of this fleet`);
      return sign(null, Buffer.from(text), key).toString("base64");
    },
    live: async (jobId?: JobId): Promise<LiveRun[]> => {
      const rows = await world.db.execute<{ id: ExecutionId; jobId: JobId; providerId: ProviderId }>(sql`
        select id, job_id as "jobId", provider_id as "providerId" from batch_executions
        where status in ('scheduled','running') and (${jobId ?? null}::text is null or job_id = ${jobId ?? null}) order by id`);
      return [...rows];
    },
    deliver: async (run: Pick<LiveRun, "id" | "providerId">, played: Played = {}) => {
      const [answer] = (await takeResults(world.deps, run.providerId, [report(run, played)])).results;
      return answer?.status;
    },
    submit: async (customer: Principal, over: Partial<z.input<typeof BatchBody>> = {}): Promise<JobId> => {
      const wanted = { kind: "batch", name: "job", docker_image: "alpine", command: ["true"], max_price: "1.000000" };
      const { id } = await submitBatch(world.deps, customer, BatchBody.parse({ ...wanted, ...over }), null);
      return `job_${id.slice("job_".length)}`;
    },
  };
}
export type Fleet = Awaited<ReturnType<typeof openFleet>>;
