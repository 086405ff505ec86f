// Lets more pods than cores onto the one small node of a test cluster.
import { z } from "zod";

const Amounts = z.looseObject({});
const Pod = z.looseObject({
  spec: z.looseObject({
    containers: z.array(z.looseObject({ resources: z.looseObject({ requests: Amounts }).optional() })),
  }),
});

/** Each container asks the scheduler for next to nothing; its limits stay what was rented. */
export function smallPods(resource: string, body: string): string {
  if (resource !== "pods") return body;
  const pod = Pod.parse(JSON.parse(body));
  for (const { resources } of pod.spec.containers)
    if (resources) Object.assign(resources.requests, { cpu: "10m", memory: "16Mi", "ephemeral-storage": "16Mi" });
  return JSON.stringify(pod);
}
