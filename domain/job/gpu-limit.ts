// The limit of GPUs that an account holds at once on nodes of the cluster, as batch jobs meet it.

/** Machines that have what one execution needs, whatever they ask and have free now. */
export interface FitByPlace {
  /** on nodes of the cluster, where accounts are limited */
  readonly nodes: number;
  readonly others: number;
}

/** GPUs of one account on nodes. */
export interface GpuLimit {
  /** that it may hold at once; see `TENANT_MAX_GPUS` */
  readonly most: number;
  /** that it may hold beside those it holds now */
  readonly left: number;
}

/**
 * Whether a job can never run because of the limit: a single execution is over it, and only nodes could run it. Copies are
 * given out one by one, so a panel that is over the limit together runs one after another, and what others of the account
 * hold now comes free: those only wait.
 */
export function isNeverWithin(gpuCount: number, { most }: GpuLimit, { nodes, others }: FitByPlace): boolean {
  return gpuCount > most && nodes > 0 && others === 0;
}

/** What keeps a job from nodes now, in a sentence; `isWithinLimit` of the placement says whether it does. */
export function limitSentence(gpuCount: number, limit: GpuLimit): string {
  return `${held(gpuCount, limit)}: there it waits until enough of them are free again.`;
}

/** The same of a job whose time in the queue is over. */
export function limitEndedSentence(gpuCount: number, limit: GpuLimit, queueTimeoutSeconds: number): string {
  return `${held(gpuCount, limit)}: they did not come free within ${queueTimeoutSeconds} s, its queue_timeout, and a node was free for it.`;
}

function held(gpuCount: number, { most, left }: GpuLimit): string {
  const holds = `Your account holds ${most - left} of the ${most} ${most === 1 ? "GPU" : "GPUs"} that it may hold on nodes of the cluster`;
  return `${holds}, and one run of this holds ${gpuCount}`;
}
