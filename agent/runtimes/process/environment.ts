// The variables of an execution: the promised ones, then the customer's; nothing of the machine's own.
import type { AnySpec, ExecutionSpec } from "../../../domain/execution/spec.ts";

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** LD_* would change how every program is loaded; BERTH_* and the GPU choice are facts, not wishes. */
const KEPT = /^(BERTH_|LD_|CUDA_VISIBLE_DEVICES$)/;

/** Whether a customer's variable is passed on. */
export function isPassedOn(name: string, value: string): boolean {
  return NAME.test(name) && !KEPT.test(name) && !value.includes("\0");
}

/**
 * @param home as the execution sees it
 * @param term what the client's terminal is; without one, "dumb"
 */
export function executionEnvironment(
  spec: ExecutionSpec,
  place: { readonly publicHost: string; readonly port: number; readonly home: string },
  term: string | undefined,
): Record<string, string> {
  return {
    ...variablesOf(spec, place.home),
    SHELL: "/bin/bash",
    TERM: term !== undefined && /^[\w.+-]{1,64}$/.test(term) ? term : "dumb",
    BERTH_PUBLIC_IP: place.publicHost,
    BERTH_SSH_PORT: String(place.port),
  };
}

/** What every execution has; a batch execution, which nobody reaches, has no more. */
export function variablesOf(spec: AnySpec, home: string): Record<string, string> {
  const wished = Object.entries(spec.env).filter(([name, value]) => isPassedOn(name, value));
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    LANG: "C.UTF-8",
    ...Object.fromEntries(wished),
    HOME: home,
    USER: "root",
    BERTH_JOB_ID: spec.jobId,
    BERTH_PROVIDER_ID: spec.providerId,
    BERTH_GPU_COUNT: String(spec.gpuUuids.length),
    BERTH_DEADLINE: spec.deadline,
    CUDA_VISIBLE_DEVICES: spec.gpuUuids.join(","),
  };
}

/** A file that a POSIX shell sources. */
export function shellExports(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`)
    .join("");
}
