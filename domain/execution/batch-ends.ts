// What to tell people about the end of one execution of a batch job that has no result to compare.
import type { BatchEnd } from "./batch-state.ts";

export const BATCH_END_SENTENCES = {
  "exit-code": "The command ended with an exit code other than 0.",
  "timed-out": "It ran longer than timeout_seconds allows.",
  "out-of-memory": "It used more memory than required_memory and was ended.",
  "out-of-disk": "It wrote more than its scratch space holds and was ended.",
  "too-large": "What it wrote is larger than a result may be: 1 MiB of stdout and output files together.",
  "not-text": "Its stdout is no UTF-8 text, or has NUL in it; write such output to a file and declare it in files.",
  "missing-file": "It left no output file of a name that files declares.",
  "wrong-hash": "The hash that the machine reported is not the hash of what it sent.",
  "image-not-found": "The image does not exist, or its name is not one.",
  "image-denied":
    "The registry does not let the machine have this image; a private one needs a registry login in your settings.",
  "start-failed": "The machine could not start it.",
  "cannot-run": "The machine said that it cannot run this job.",
  infrastructure: "The machine failed, not the job.",
  "provider-silent": "The machine fell silent.",
  suspended: "The broker takes no work from this machine any more.",
  cancelled: "It was not needed any more.",
} as const satisfies Record<BatchEnd, string>;
