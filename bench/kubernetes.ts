// Rentals on a real Kubernetes, by real web and worker processes: how long until a shell, and how many start a minute.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildChanged, reasonOf } from "../scripts/build.ts";
import { openApiProxy } from "../scripts/faults/testing/api-proxy.ts";
import { smallPods } from "../scripts/faults/testing/small-pods.ts";
import { openStand, type Stand } from "../scripts/faults/testing/stand.ts";
import type { BenchPostgres } from "./database.ts";
import { openFleet } from "./kubernetes-fleet.ts";
import { firstLogins } from "./kubernetes-login.ts";
import { queued } from "./kubernetes-queue.ts";

/** Each can be made small, to see whether all of it works. */
const RENTALS = Number(process.env.BENCH_RENTALS ?? 50);
const REAL_QUEUES = numbers(process.env.BENCH_REAL_QUEUES ?? "4,40");
const FAKE_QUEUES = numbers(process.env.BENCH_FAKE_QUEUES ?? "4,40,400");
/** Without, only the first logins one at a time: a quarter of an hour less. */
const CROWDS = process.env.BENCH_CROWDS !== "0";
const MANY_CORES = 4_096;
/** On each of the nodes that are only played. */
const PODS_EACH = 100;

function numbers(text: string): number[] {
  return text.split(",").filter(Boolean).map(Number);
}

/** @param onEnd keeps what takes everything back, for a run that is interrupted */
export async function benchKubernetes(postgres: BenchPostgres, onEnd: (close: () => Promise<void>) => void) {
  const admin = process.env.BERTH_TEST_KUBECONFIG;
  if (!admin) throw new Error("BERTH_TEST_KUBECONFIG is not set: a kubeconfig of an administrator of a test cluster");
  const { failed } = await buildChanged((sentence) => process.stderr.write(`${sentence}\n`));
  for (const { name, cause } of failed) throw new Error(`${name} does not build: ${reasonOf(cause)}`);
  const folder = await mkdtemp(join(tmpdir(), "berth-bench-kubernetes-"));
  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  const close = async () => {
    for (const end of ends.splice(0).reverse()) await end();
  };
  onEnd(close);
  const stand = async (name: string, kubeconfig: string): Promise<Stand> => {
    const databaseUrl = await postgres.database(name);
    const opened = await openStand({ databaseUrl, folder, kubeconfig, admin, webs: 1, workers: 1 });
    ends.push(() => opened.close());
    return opened;
  };
  const nameOf = async (one: Stand) => (await one.node()).metadata?.name ?? "";
  const parts: string[] = [];
  try {
    const direct = await stand("kubernetes_direct", admin);
    await direct.provider({ nodeName: await nameOf(direct), gpus: 0, cpuCores: MANY_CORES });
    await direct.start();
    parts.push(await firstLogins(direct, "one at a time", RENTALS, 1));
    await direct.close();
    if (!CROWDS) return { rows: [], note: parts.join("\n\n") };

    const api = await openApiProxy(admin, { rewrite: smallPods });
    ends.push(() => api.close());
    const small = await stand("kubernetes_small", api.kubeconfig);
    await small.provider({ nodeName: await nameOf(small), gpus: 0, cpuCores: MANY_CORES });
    await small.start();
    parts.push(await firstLogins(small, "4 at a time ¹", RENTALS, 4));
    const rows: string[] = [];
    for (const count of REAL_QUEUES) rows.push(await queued(small, api, "pods that run ¹", count));
    await small.close();

    const wide = await stand("kubernetes_wide", api.kubeconfig);
    const fleet = await openFleet(wide, Math.max(1, Math.ceil(Math.max(0, ...FAKE_QUEUES) / PODS_EACH)));
    ends.push(() => fleet.close());
    // As many cores as there is to be on each, or the cheapest would get all.
    for (const nodeName of fleet.names) await wide.provider({ nodeName, gpus: 0, cpuCores: PODS_EACH });
    await wide.start();
    for (const count of FAKE_QUEUES) rows.push(await queued(wide, api, "pods that are only said to run ²", count));
    parts.push(
      [
        "| queued at once | of | all run after | a minute | each from its row to `running` | calls to the API server for each | of which | placed again |",
        "| ---: | --- | ---: | ---: | --- | ---: | --- | --- |",
        ...rows,
      ].join("\n"),
      "¹ through a door before the API server that asks for next to nothing of CPU and memory for each pod, so that more fit onto two cores. " +
        "² Node objects whose kubelet is played by the benchmark, as KWOK does: the scheduler, the controllers and kube-proxy are real, containers are not. Both count calls and add about a millisecond to each",
    );
    return { rows: [], note: parts.join("\n\n") };
  } finally {
    await close();
  }
}
