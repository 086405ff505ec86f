// `status`: what the running agent last wrote down, for people and for programs.

import { agentOn } from "../run-lock.ts";
import { providerStatusIsServing } from "../serving.ts";
import { type AgentStatus, readStatus } from "../status-file.ts";
import type { Print } from "./enrol.ts";

export const EXIT = { serving: 0, silent: 1, stopped: 3, refused: 4 } as const;

export interface StatusReply {
  readonly state: keyof typeof EXIT;
  /** What to do, or what comes next. */
  readonly next: string;
  readonly pid: number | null;
  readonly agent: AgentStatus | null;
}

/** An answer comes at least every 35 seconds; with one retry in between this is trouble. */
const SILENT_AFTER_MS = 90_000;

/** @param nowMs this machine's clock, which also wrote the times of the status */
export function judge(agent: AgentStatus | undefined, pid: number | undefined, nowMs: number): StatusReply {
  const reply = { pid: pid ?? null, agent: agent ?? null };
  if (pid === undefined) {
    const next = agent
      ? "Start it: systemctl start berth-agent, or berth-agent start."
      : "Nothing runs here yet. Enrol: berth-agent enrol --broker URL --token TOKEN --price-per-gpu-hour USD.";
    return { ...reply, state: "stopped", next };
  }
  const answer = agent?.answer;
  if (!agent || !answer || agent.trouble || nowMs - Date.parse(answer.at) > SILENT_AFTER_MS) {
    const retry = agent?.trouble ? ` The next try comes at ${agent.trouble.next_at}.` : "";
    return { ...reply, state: "silent", next: `The broker does not answer; what runs here keeps running.${retry}` };
  }
  const verdict = providerStatusIsServing(answer.status);
  return { ...reply, state: verdict.serving ? "serving" : "refused", next: verdict.next };
}

/** @returns the exit code */
export async function statusCommand(dataDir: string, json: boolean, print: Print): Promise<number> {
  const pid = await agentOn(dataDir);
  const reply = judge(await readStatus(dataDir), pid, Date.now());
  print(json ? JSON.stringify(reply, null, 2) : describeStatus(reply, dataDir, Date.now()));
  return EXIT[reply.state];
}

const HEADLINES: Record<StatusReply["state"], string> = {
  serving: "serving",
  silent: "running, but the broker does not answer",
  stopped: "not running",
  refused: "running, but not taken for work",
};

export function describeStatus({ state, next, pid, agent }: StatusReply, dataDir: string, nowMs: number): string {
  const rows: [string, string][] = [["agent", `${HEADLINES[state]}${pid === null ? "" : ` (pid ${pid})`}`]];
  if (!agent) return table([...rows, ["place", dataDir], ["next", next]]);
  const { answer, beat, trouble, machine, usage } = agent;
  rows.push(["provider", `${agent.name}, ${agent.provider_id}`], ["broker", agent.broker], ["runtime", agent.runtime]);
  if (answer) rows.push(["status", `${answer.status}, said ${ago(answer.at, nowMs)}`]);
  if (beat) rows.push(["beat", `number ${beat.seq}, ${ago(beat.at, nowMs)}`]);
  if (trouble) rows.push(["trouble", `${trouble.message} (${trouble.failures} in a row)`]);
  for (const notice of answer?.notices ?? []) rows.push(["notice", notice]);
  if (answer?.join) {
    const { node_name, api_server, expires_at } = answer.join;
    rows.push(["join", `as ${node_name} to ${api_server} until ${expires_at}: berth-agent join --yes`]);
  }
  for (const gpu of machine?.gpus ?? []) {
    const used = usage?.gpus.find(({ uuid }) => uuid === gpu.uuid);
    const load = used ? `, ${used.utilization_percent} %, ${used.memory_used_mb} MB used` : "";
    rows.push([`gpu ${gpu.index}`, `${gpu.model}, ${gpu.vram_mb} MB${gpu.declared ? ", declared" : ""}${load}`]);
  }
  if (machine && machine.gpus.length === 0) rows.push(["gpus", "none"]);
  if (machine && usage) {
    const memory = `${Math.floor(usage.memory_used_mb / 1024)} of ${Math.floor(machine.memory_mb / 1024)} GB memory`;
    rows.push([
      "machine",
      `${machine.cpu_cores} cores at ${usage.cpu_percent} %, ${memory}, ${machine.disk_gb} GB disk`,
    ]);
  }
  for (const execution of agent.executions) {
    const more = execution.state === "ready" ? ` on port ${execution.port}` : "";
    rows.push([
      "execution",
      `${execution.id} ${execution.state}${execution.state === "ended" ? `: ${execution.detail}` : more}`,
    ]);
  }
  if (agent.executions.length === 0) rows.push(["executions", "none"]);
  return table([...rows, ["next", next]]);
}

function table(rows: readonly [string, string][]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${plain(value)}`).join("\n");
}

/** A broker's words may hold what a terminal obeys. */
function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, " ");
}

function ago(at: string, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(at)) / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min ago` : `${Math.round(seconds / 3600)} h ago`;
}
