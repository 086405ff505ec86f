// What a pod says about an execution of a batch job: how far it is, and where it ended without telling, why.
import { z } from "zod";
import type { BatchShortfall } from "../../../../../domain/execution/batch-run.ts";
import type { BatchEnd } from "../../../../../domain/execution/batch-state.ts";
import type { EndCause } from "../../../../../domain/execution/spec.ts";
import { PodObject, podState } from "../pods/read.ts";
import type { Wait } from "../pods/waits.ts";
import { COLLECTOR, PROGRAM } from "./manifests.ts";
import { NO_TOOLS } from "./scripts.ts";

const time = z.coerce.date();

const ContainerStatus = z.object({
  name: z.string(),
  ready: z.boolean(),
  state: z
    .object({
      waiting: z.object({ reason: z.string().nullish(), message: z.string().nullish() }).nullish(),
      running: z.object({ startedAt: time.nullish() }).nullish(),
      terminated: z
        .object({
          exitCode: z.number(),
          reason: z.string().nullish(),
          message: z.string().nullish(),
          startedAt: time.nullish(),
          finishedAt: time.nullish(),
        })
        .nullish(),
    })
    .nullish(),
});

export const BatchPodObject = PodObject.extend({
  status: PodObject.shape.status
    .unwrap()
    .unwrap()
    .extend({ containerStatuses: z.array(ContainerStatus).nullish() })
    .nullish(),
});
export type BatchPodObject = z.infer<typeof BatchPodObject>;

/** How far an execution is. */
export type SeenBatch =
  | { readonly state: "starting"; readonly wait: Wait | null }
  | { readonly state: "running"; readonly startedAt: Date | null }
  /** its program's wrapper came to its end, and the collector has told what it left */
  | { readonly state: "told"; readonly startedAt: Date; readonly finishedAt: Date; readonly oomKilled: boolean }
  | {
      readonly state: "ended";
      readonly startedAt: Date | null;
      readonly finishedAt: Date | null;
      readonly exitCode: number | null;
      readonly short: BatchShortfall;
    }
  | { readonly state: "leaving" };

/** @param now the end of what does not say when it ended */
export function seenBatch(pod: BatchPodObject, now: Date): SeenBatch {
  const { metadata, status } = pod;
  if (metadata.deletionTimestamp) return { state: "leaving" };
  const named = (name: string) => status?.containerStatuses?.find((one) => one.name === name);
  const program = named(PROGRAM);
  const collector = named(COLLECTOR);
  const ran = program?.state?.terminated;
  const collected = collector?.state?.terminated;
  // The pod's own reason comes before anything that its containers may have said before they were killed.
  const whole = !status?.reason && ran?.exitCode === 0 && ran.startedAt && ran.finishedAt;
  if (whole && ran.startedAt && ran.finishedAt) {
    const times = { startedAt: ran.startedAt, finishedAt: ran.finishedAt };
    if (!collected) return { state: "running", startedAt: ran.startedAt };
    if (UNSTARTED.includes(collected.reason ?? ""))
      return { state: "ended", ...times, exitCode: null, short: { end: "infrastructure", detail: UNCOLLECTED } };
    if (collected.exitCode !== 0)
      return { state: "ended", ...times, exitCode: null, short: untold(collected.exitCode) };
    return { state: "told", ...times, oomKilled: ran.reason === "OOMKilled" };
  }
  const view = podState({ ...pod, status: { ...status, containerStatuses: program ? [program] : [] } }, null, now);
  if (view.state === "ended") {
    const startedAt = ran?.startedAt && ran.reason !== "StartError" ? ran.startedAt : null;
    const short = shortfallOf(view.cause, view.detail);
    return { state: "ended", startedAt, finishedAt: ran?.finishedAt ?? null, exitCode: null, short };
  }
  if (program?.state?.running) return { state: "running", startedAt: program.state.running.startedAt ?? null };
  // A collector that cannot start keeps the program from nothing, but nobody would hear of it.
  return { state: "starting", wait: view.state === "starting" ? view.wait : null };
}

/** The kubelet's word that the second of two containers of one image would not start: its machine's doing. */
const UNSTARTED = ["StartError", "ContainerCannotRun"];
const UNCOLLECTED = "The machine could not start what collects its output.";

/** The image's own doing: whoever chose it pays for what ran. */
function untold(exitCode: number): BatchShortfall {
  const why =
    exitCode === NO_TOOLS
      ? "the image has a /bin/sh but lacks base64 or od, wc, head, tail or sleep"
      : `the shell of the image ended with ${exitCode}`;
  return { end: "missing-file", detail: `What it left could not be collected: ${why}.` };
}

export const UNREADABLE: BatchShortfall = {
  end: "missing-file",
  detail: "What it left could not be collected: the tools of the image told something else.",
};

const ENDS: Readonly<Record<EndCause, BatchEnd>> = {
  "image-not-found": "image-not-found",
  "image-denied": "image-denied",
  "out-of-memory": "out-of-memory",
  "out-of-disk": "out-of-disk",
  "start-failed": "start-failed",
  "unfit-image": "cannot-run",
  quota: "cannot-run",
  deadline: "timed-out",
  // The wrapper itself ends with 0: an image whose shell does otherwise has none that can run it.
  exited: "cannot-run",
  killed: "infrastructure",
  unschedulable: "infrastructure",
  evicted: "infrastructure",
  "node-lost": "infrastructure",
  "demo-stopped": "infrastructure",
  "sandbox-missing": "infrastructure",
  "ssh-silent": "infrastructure",
};

const WORDS: Partial<Record<EndCause, string>> = {
  "unfit-image": "The image has no /bin/sh, which pods of batch jobs need.",
  exited: "The /bin/sh of the image ended by itself.",
  "out-of-memory": "It needed more than its memory.",
  "out-of-disk": "It wrote more than its disk.",
  deadline: "Its time was over.",
};

/** What to tell of an execution whose program left nothing to read. */
export function shortfallOf(cause: EndCause, said: string): BatchShortfall {
  const detail = [WORDS[cause], said].filter((part) => part).join(" ");
  return { end: ENDS[cause], detail: detail === "" ? "Its pod ended." : detail };
}
