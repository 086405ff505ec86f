// Whether the API server answers whoever may ask it anything: its version is everybody's to read.
import { answering } from "../../system/answering.ts";
import { openApi, openConfig } from "./api.ts";

/** @param kubeconfig path; null inside the cluster itself */
export function clusterAnswers(kubeconfig: string | null): () => Promise<boolean> {
  const api = openApi(openConfig(kubeconfig));
  return answering(() => api.version.getCode());
}
