// Machines with an agent as a cluster: what should run is written down, what runs is read from the last report.
import type { ExecutionSpec, Observed } from "../../../../domain/execution/spec.ts";
import { ExecutionReport } from "../../../../protocol/agent.ts";
import type { Cluster } from "../../../deps.ts";
import type { AgentStore, Sighting } from "../../../repos/agent-store.ts";

export function agentCluster(store: AgentStore): Cluster {
  return {
    apply: (spec) => store.putDesired(spec.id, spec.providerId, specText(spec)),
    remove: (id) => store.dropDesired(id),
    async observe(id) {
      const sighting = await store.sighting(id);
      return sighting ? toObserved(sighting) : { state: "absent" };
    },
    async list() {
      const all = await store.sightings();
      // What is still desired is still ours to remove, whether or not it was seen.
      return all.map((sighting) => ({
        id: sighting.executionId,
        observed: sighting.desired && !sighting.report ? { state: "starting" } : toObserved(sighting),
      }));
    },
  };
}

/**
 * What a report says about an execution, and what its silence means. An execution that the report leaves out is absent
 * only where the report already acts on the newest desired set: an older one may have crossed the wish to start it, or
 * come from a machine that is about to start what is not wanted any more.
 */
export function toObserved({ host, reported, caughtUp, desired, report }: Sighting): Observed {
  const seen = ExecutionReport.safeParse(report);
  if (!seen.success) {
    const mayYetStart = reported ? !caughtUp : desired;
    return { state: mayYetStart ? "starting" : "absent" };
  }
  switch (seen.data.state) {
    case "starting":
    case "running": // of a batch job, which is not ours to look at
      return { state: "starting" };
    case "ready":
      return { state: "ready", endpoint: { host, port: seen.data.port, user: seen.data.user } };
    case "ended": {
      const { exit_code: exitCode, cause, detail, ended_at } = seen.data;
      return { state: "ended", exitCode, cause, detail, endedAt: new Date(ended_at) };
    }
  }
}

/** The same text for the same spec, whatever order its fields came in. */
function specText(spec: ExecutionSpec): string {
  const { id, jobId, providerId, kind, image, cpuCores, memoryMb, diskGb, gpuUuids, env, sshPublicKeys } = spec;
  const { command, registryLogin, sshHostKey, deadline } = spec;
  const sortedEnv = Object.fromEntries(Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify({
    ...{ id, jobId, providerId, kind, image, cpuCores, memoryMb, diskGb, gpuUuids },
    ...{ env: sortedEnv, command, registryLogin, sshPublicKeys, sshHostKey, deadline },
  } satisfies ExecutionSpec);
}
