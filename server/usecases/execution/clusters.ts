// Which cluster runs what: machines with an agent, or the nodes of our Kubernetes.
import { AppError } from "../../../domain/errors.ts";
import { isNode, type Runtime } from "../../../domain/provider/state.ts";
import type { Cluster, Deps } from "../../deps.ts";

/** @throws AppError `unavailable` where executions are on nodes and this process knows no Kubernetes */
export function clusterOf({ cluster, pods }: Pick<Deps, "cluster" | "pods">, runtime: Runtime): Cluster {
  if (!isNode(runtime)) return cluster;
  if (!pods) throw new AppError("unavailable", "This broker has no Kubernetes configured, but executions on it.");
  return pods;
}
