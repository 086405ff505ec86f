// Batch executions on nodes: what should run has a pod, what ended is read, judged as every result is, and taken away.
import { createHash } from "node:crypto";
import type { BatchRun } from "../../../domain/execution/batch-run.ts";
import type { BatchSpec } from "../../../domain/execution/spec.ts";
import type { ExecutionId } from "../../../domain/ids.ts";
import { manifestText } from "../../../domain/verification/manifest.ts";
import type { ResultReport } from "../../../protocol/results.ts";
import type { BatchPods, Deps, HeldBatch } from "../../deps.ts";
import { anyOnNodes, type BatchOnNode, beginOnNodes, liveOnNodes, tryPodsTurn } from "../../repos/batch-pods.ts";
import { loginForImage } from "../account/registry-logins.ts";
import { type ResultDeps, takeResults } from "./take-results.ts";

export type RunPodsDeps = ResultDeps & Pick<Deps, "batchPods" | "secrets">;

/** Pods that are made, read or taken away at the same time. */
const AT_ONCE = 16;
/** Where nothing should run and nothing was there, the cluster is asked this seldom. */
const IDLE_LOOK_MS = 30_000;
const MOST_DETAIL = 2_000;

/** When there was last nothing there, by the process's own clock; a process that starts anew looks at once. */
const idleSince = new WeakMap<BatchPods, number>();

/**
 * One look: at all pods of batch jobs, and all that should be one. Safe to run twice and to be killed anywhere: a pod is
 * made by its execution's name, and goes after its result was taken.
 * @returns how many pods no row wanted
 */
export async function runPods(deps: RunPodsDeps): Promise<number> {
  const { batchPods } = deps;
  if (!batchPods) return 0;
  const idle = idleSince.get(batchPods);
  const rests = idle !== undefined && performance.now() - idle < IDLE_LOOK_MS;
  if (rests && !(await anyOnNodes(deps.db))) return 0;
  // Held over calls of the cluster: two workers would make no pod twice, but one that looked earlier could make one again.
  return deps.db.transaction(async (tx) => ((await tryPodsTurn(tx)) ? look(deps, batchPods) : 0));
}

async function look(deps: RunPodsDeps, pods: BatchPods): Promise<number> {
  // The cluster first: what is made in between is in neither, and what ended in between is known to have.
  const held = await pods.list().catch((err: unknown) => {
    deps.log.warn({ err }, "the pods of batch jobs could not be listed; the next look tries again");
  });
  if (!held) return 0;
  const live = await liveOnNodes(deps.db);
  if (held.length + live.length === 0) idleSince.set(pods, performance.now());
  else idleSince.delete(pods);
  const there = new Map(held.map((one) => [one.id, one]));
  const wanted = new Set(live.map(({ spec }) => spec.id));
  await begin(deps, live, there);
  const steps = live.map((one) => () => step(deps, pods, one, there.get(one.spec.id)));
  const orphans = held.filter(({ id, state }) => !wanted.has(id) && state !== "leaving");
  const all = [...steps, ...orphans.map((one) => () => pods.remove(one))];
  const tried = async (run: () => Promise<void>) =>
    run().catch((err: unknown) =>
      deps.log.warn({ err }, "a pod of a batch job could not be helped; the next look tries again"),
    );
  for (let from = 0; from < all.length; from += AT_ONCE) await Promise.all(all.slice(from, from + AT_ONCE).map(tried));
  return orphans.length;
}

async function begin(
  { db, clock }: RunPodsDeps,
  live: readonly BatchOnNode[],
  there: ReadonlyMap<ExecutionId, HeldBatch>,
): Promise<void> {
  const begun = live.flatMap(({ status, spec: { id } }) => {
    const startedAt = there.get(id)?.startedAt;
    return status === "scheduled" && startedAt ? [{ id, at: startedAt }] : [];
  });
  if (begun.length > 0) await db.transaction((tx) => beginOnNodes(tx, begun, clock.now()));
}

async function step(deps: RunPodsDeps, pods: BatchPods, one: BatchOnNode, held: HeldBatch | undefined): Promise<void> {
  const { status } = one;
  if (held?.state === "leaving") return; // it says so when it is gone
  if (held?.state === "ended") return take(deps, pods, one, held);
  if (held) return;
  // Whose pod is gone after it ran has lost what it did: made again, it would be run twice.
  if (status === "running") return deliver(deps, one, lost("Its pod was taken away."));
  const spec = { ...specOf(deps, one), registryLogin: await loginForImage(deps, one.account, one.spec.image) };
  if (spec.command.length === 0)
    return deliver(deps, one, refused("Pods need a command: the image's own is not known."));
  const refusal = await pods.apply(spec, { tenant: one.account, nodeName: one.nodeName });
  if (refusal !== null) await deliver(deps, one, refused(refusal));
}

async function take(deps: RunPodsDeps, pods: BatchPods, one: BatchOnNode, held: HeldBatch): Promise<void> {
  const run = await pods.collect(held, specOf(deps, one));
  if (!run) return;
  await deliver(deps, one, run);
  await pods.remove(held);
}

/** Without its login: what is pulled already needs none. */
function specOf({ secrets }: RunPodsDeps, { spec, sealedEnv }: BatchOnNode): BatchSpec {
  const env: Record<string, string> = JSON.parse(secrets.open(sealedEnv)); // sealed by us, from this type
  return { ...spec, registryLogin: null, env };
}

/** A refusal of what was delivered changes nothing: another result of it was taken before, or it is not wanted any more. */
async function deliver(deps: RunPodsDeps, { spec: { id, providerId } }: BatchOnNode, run: BatchRun): Promise<void> {
  await takeResults(deps, providerId, [toReport(id, run)]);
}

/** The same report that an agent would make, unsigned: it is the worker's own. */
export function toReport(id: ExecutionId, run: BatchRun): ResultReport {
  const files = run.files.map(({ path, content }) => ({ path, content: Buffer.from(content) }));
  const stdout = Buffer.from(run.stdout);
  const manifest = manifestText({
    ...{ stdoutSha256: sha256(stdout), stdoutBytes: stdout.byteLength },
    files: files.map(({ path, content }) => ({ path, sha256: sha256(content), bytes: content.byteLength })),
  });
  return {
    execution_id: id,
    outcome: run.end === null ? "completed" : run.end === "cannot-run" ? "refused" : "failed",
    end: run.end,
    detail: run.detail.slice(0, MOST_DETAIL),
    exit_code: run.exitCode,
    run_ms: Math.min(2_147_483_647, Math.round(run.runMs)),
    started_at: run.startedAt?.toISOString() ?? null,
    stdout: stdout.toString("base64"),
    stderr: Buffer.from(run.stderr).toString("base64"),
    files: files.map(({ path, content }) => ({ path, content: content.toString("base64") })),
    result_hash: sha256(Buffer.from(manifest, "utf8")),
    signature: "",
  };
}

const NOTHING = {
  exitCode: null,
  runMs: 0,
  startedAt: null,
  stdout: new Uint8Array(),
  stderr: new Uint8Array(),
  files: [],
};

const lost = (detail: string): BatchRun => ({ ...NOTHING, end: "infrastructure", detail });
const refused = (detail: string): BatchRun => ({ ...NOTHING, end: "cannot-run", detail });

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
