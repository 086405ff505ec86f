// The `kubernetes` runtime: the machine is a node of the broker's cluster, whose kubelet runs the pods. The agent tells
// of the machine and helps it join; it runs nothing itself.
import type { Runtime } from "./runtime.ts";

export function openNodeRuntime(): Runtime {
  return {
    sandboxed: true,
    list: () => [],
    apply: async () => {
      throw new Error("this machine is a node: its pods come through Kubernetes, not through the agent");
    },
    remove: async () => {},
    stopAll: async () => {},
    log: async () => null,
    result: async () => null,
    onNews: () => {},
    onResult: () => {},
    close: () => {},
  };
}
