// What every cluster does, whoever is behind it: the adapters are tested against this, on what they really run on.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Endpoint, ExecutionSpec, Observed, Placement } from "../../domain/execution/spec.ts";
import { type ExecutionId, formatId } from "../../domain/ids.ts";
import type { Cluster, Whereabouts } from "../deps.ts";
import { insideContract, type Reachable } from "./inside-contract.ts";
import { PATIENCE_MS, refusal, until } from "./reaching.ts";
import { type SshClient, sshClient } from "./ssh.ts";

/** A cluster and the way into it, with what the tests need to know of them. */
export interface Contracted extends Reachable {
  readonly cluster: Cluster;
  /** A spec and a place for a new execution of this cluster, CPU only. */
  execution(over?: Partial<Pick<ExecutionSpec, "env" | "sshPublicKeys">>): Promise<Applied> | Applied;
  /** Where it is, once `observe` says ready. */
  whereabouts(spec: ExecutionSpec, where: Placement, endpoint: Endpoint): Whereabouts;
  close(): Promise<void>;
}

export interface Applied {
  readonly spec: ExecutionSpec;
  readonly where: Placement;
}

const SLOW = 180_000;

/** Registers the tests. @param open called once; `close` at the end, when every execution was removed */
export function clusterContract(name: string, open: () => Promise<Contracted>): void {
  describe(`what every cluster does: ${name}`, { timeout: SLOW }, () => {
    let its: Contracted;
    let client: SshClient;
    /** The one that most tests reach into. */
    let shared: Applied & { at: Whereabouts };
    const applied = new Set<ExecutionId>();

    const make = async () => {
      const made = await its.execution({ env: { GREETING: "a hoy" }, sshPublicKeys: [client.publicKey] });
      applied.add(made.spec.id);
      return made;
    };
    const sees = async (id: ExecutionId, state: Observed["state"]): Promise<Observed> => {
      let seen: Observed = { state: "absent" };
      const isSo = async () => {
        seen = await its.cluster.observe(id);
        if (seen.state === "ended" && state === "ready") throw new Error(`ended: ${seen.cause} ${seen.detail}`);
        return seen.state === state;
      };
      // With twice the patience: the hooks wait here too, and they have no second try.
      await until(`${id} is ${state}`, isSo, 2 * PATIENCE_MS);
      return seen;
    };
    const ready = async ({ spec, where }: Applied) => {
      await its.cluster.apply(spec, where);
      const seen = await sees(spec.id, "ready");
      if (seen.state !== "ready") throw new Error("not ready");
      return { spec, where, at: its.whereabouts(spec, where, seen.endpoint) };
    };
    beforeAll(async () => {
      client = await sshClient();
      its = await open();
      shared = await ready(await make());
    }, SLOW);
    afterAll(async () => {
      for (const id of applied) await its.cluster.remove(id);
      for (const id of applied) await sees(id, "absent");
      await its.close();
      await client.close();
    }, SLOW);

    describe("its life", () => {
      test("what is applied becomes a shell under the host key that was handed in", async () => {
        const { endpoint, hostKey } = shared.at;
        const greeting = await client.ssh(endpoint?.port ?? 0, hostKey, 'echo "$GREETING" from "$BERTH_JOB_ID"');
        expect(greeting).toBe(`a hoy from ${shared.spec.jobId}\n`);
      });

      test("applied again, it is what it was: same endpoint, and listed once", async () => {
        await Promise.all([1, 2].map(() => its.cluster.apply(shared.spec, shared.where)));
        expect(await its.cluster.observe(shared.spec.id)).toEqual({ state: "ready", endpoint: shared.at.endpoint });
        const listed = (await its.cluster.list()).filter(({ id }) => id === shared.spec.id);
        expect(listed).toMatchObject([{ observed: { state: "ready" } }]);
      });

      test("what nobody applied is absent, and may be removed", async () => {
        const id = formatId("exec", 1, new Uint8Array(10));
        await its.cluster.remove(id);
        expect(await its.cluster.observe(id)).toEqual({ state: "absent" });
      });

      test(
        "what is removed, twice too, is absent and listed no more; its log ends, and nobody reaches in",
        async () => {
          const { spec, at } = await ready(await make());
          await its.say(at, "last words");
          const follow = { tailLines: null, follow: true, signal: AbortSignal.timeout(PATIENCE_MS * 2) };
          const log = its.inside.logs(at, follow)[Symbol.asyncIterator]();
          let heard = "";
          while (!heard.includes("last words")) heard += (await log.next()).value ?? expect.unreachable();
          const session = await its.inside.exec(at, ["sleep", "600"], { terminal: null, signal: follow.signal });
          await its.cluster.remove(spec.id);
          await its.cluster.remove(spec.id);
          await sees(spec.id, "absent");
          expect((await its.cluster.list()).map(({ id }) => id)).not.toContain(spec.id);
          await session.exit;
          for (let done = false; !done; ) done = (await log.next()).done ?? false;
          expect(follow.signal.aborted).toBe(false);
          // Together: one that is refused while another is waited for would be nobody's error.
          const refusals = await Promise.all([
            refusal(its.inside.exec(at, ["true"], { terminal: null, signal: AbortSignal.timeout(PATIENCE_MS) })),
            refusal(its.inside.connect(at, 80, AbortSignal.timeout(PATIENCE_MS))),
          ]);
          for (const code of refusals) expect(["conflict", "unavailable"]).toContain(code);
        },
        SLOW,
      );
    });

    insideContract(() => ({ its, at: shared.at, jobId: shared.spec.jobId }));
  });
}
