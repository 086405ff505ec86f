// Reaching into pods, by the exec, log and port-forward subresources: all that the web may do in the cluster.
import type { Inside, Log } from "../../../../deps.ts";

export interface KubernetesInsideOptions {
  /** path of a kubeconfig; null inside the cluster itself */
  readonly kubeconfig: string | null;
  readonly log: Log;
}

export function kubernetesInside(_options: KubernetesInsideOptions): Inside {
  const unbuilt = (): never => {
    throw new Error("UNBUILT");
  };
  return { logs: unbuilt, exec: unbuilt, connect: unbuilt };
}
