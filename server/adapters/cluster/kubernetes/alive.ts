// Whether the API server answers whoever may ask it anything: its version is everybody's to read.
import { openApi, openConfig } from "./api.ts";

/**
 * @param kubeconfig path; null inside the cluster itself
 * @returns what asks, and rejects where there is no answer
 */
export function clusterVersion(kubeconfig: string | null): () => Promise<unknown> {
  const api = openApi(openConfig(kubeconfig));
  return () => api.version.getCode();
}
