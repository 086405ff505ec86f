// What Kubernetes calls the things of one execution. Names follow from ids, so that doing it twice is doing it once.
import { type ExecutionId, isId } from "../../../../../domain/ids.ts";

/** `exec_01…` as a name: `_` is none that Kubernetes takes. */
export function podName(id: ExecutionId): string {
  return id.replace("_", "-");
}

/** @returns null for the name of anything else */
export function executionOf(name: string): ExecutionId | null {
  const id = name.replace("-", "_");
  return isId("exec", id) ? id : null;
}

/** One namespace a tenant. @param tenant an account: a wallet address in lower case */
export function namespaceOf(tenant: string): string {
  return `berth-${tenant}`;
}

/** The one container of a pod. */
export const CONTAINER = "workspace";

export const MANAGED_BY = "app.kubernetes.io/managed-by";
export const MANAGER = "berth";
export const OURS = `${MANAGED_BY}=${MANAGER}`;

/** Value of the label `network` on pods that may reach nobody, and be reached by nobody. */
export const NO_NETWORK = "none";

/** Labels and annotations of ours, under the operator's prefix. */
export function keysOf(prefix: string) {
  return {
    execution: `${prefix}/execution`,
    job: `${prefix}/job`,
    tenant: `${prefix}/tenant`,
    host: `${prefix}/host`,
    node: `${prefix}/node`,
    refused: `${prefix}/refused`,
    /** in the place of `execution` on what belongs to a batch job: nothing of rentals looks at it */
    batch: `${prefix}/batch`,
    network: `${prefix}/network`,
  } as const;
}
export type Keys = ReturnType<typeof keysOf>;
