// Where time goes, asked for with BENCH_PROFILE=1: statements by their total time, and this process's own CPU profile.
import { Session } from "node:inspector/promises";
import { basename } from "node:path";
import postgres from "postgres";

const MOST = 12;
const SAMPLE_MICROSECONDS = 500;

export const PROFILING = process.env.BENCH_PROFILE === "1";

export interface Profile {
  start(): Promise<void>;
  /** @returns Markdown; empty unless it was asked for */
  stop(): Promise<string>;
}

/** Both cost time themselves: a run with a profile is no run to quote rates of. */
export async function openProfile(databaseUrl: string): Promise<Profile> {
  if (!PROFILING) return { start: async () => {}, stop: async () => "" };
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} });
  await sql`create extension if not exists pg_stat_statements`;
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: SAMPLE_MICROSECONDS });
  return {
    async start() {
      await sql`select pg_stat_statements_reset()`;
      await session.post("Profiler.start");
    },
    async stop() {
      const { profile } = await session.post("Profiler.stop");
      session.disconnect();
      const statements = await sql<{ query: string; calls: number; total: number; mean: number; share: number }[]>`
        select regexp_replace(query, '\\s+', ' ', 'g') as query, calls::int, total_exec_time as total,
          mean_exec_time as mean, total_exec_time / sum(total_exec_time) over () as share
        from pg_stat_statements s join pg_database d on d.oid = s.dbid
        where d.datname = current_database() and toplevel order by total_exec_time desc limit ${MOST}`;
      await sql.end();
      return [
        "| statement | calls | each | of PostgreSQL's time |",
        "| --- | ---: | ---: | ---: |",
        ...statements.map(
          ({ query, calls, mean, share }) =>
            `| \`${query.trim().slice(0, 90).replaceAll("|", "∣")}\` | ${calls} | ${mean.toFixed(2)} ms | ${percent(share)} |`,
        ),
        "",
        "| node: function | own time | of its busy time |",
        "| --- | ---: | ---: |",
        ...ownTimes(profile.nodes, profile.samples ?? [], profile.timeDeltas ?? []),
      ].join("\n");
    },
  };
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
}

const NOT_BUSY = ["(idle)", "(root)", "(program)", "dispatch"]; // the last is the profiler's own start

function ownTimes(nodes: readonly Node[], samples: readonly number[], deltas: readonly number[]): string[] {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const own = new Map<string, number>();
  let busy = 0;
  samples.forEach((id, index) => {
    const name = names.get(id) ?? "";
    const ms = (deltas[index] ?? 0) / 1000;
    if (NOT_BUSY.includes(name)) return;
    busy += ms;
    own.set(name, (own.get(name) ?? 0) + ms);
  });
  return [...own]
    .sort(([, a], [, b]) => b - a)
    .slice(0, MOST)
    .map(([name, ms]) => `| \`${name}\` | ${Math.round(ms)} ms | ${percent(ms / busy)} |`);
}

function nameOf({ functionName, url, lineNumber }: Node["callFrame"]): string {
  const where = url === "" || url.startsWith("node:") ? url : `${basename(url.split("?")[0] ?? "")}:${lineNumber + 1}`;
  return [functionName || "(anonymous)", where].filter(Boolean).join(" ");
}
