// From the wish to the first command that a shell answers, step by step, each as whoever waits for it sees it.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { Watch } from "@kubernetes/client-node";
import { sql } from "drizzle-orm";
import { Client } from "ssh2";
import { z } from "zod";
import type { ExecutionId } from "../domain/ids.ts";
import { rentalOf } from "../protocol/operations/job.ts";
import { type Customer, Journal, newCustomer } from "../scripts/faults/customers.ts";
import { IMAGE } from "../scripts/faults/testing/kubernetes.ts";
import type { Stand } from "../scripts/faults/testing/stand.ts";
import { sshAnswers } from "../server/adapters/cluster/kubernetes/pods/door.ts";
import { podName } from "../server/adapters/cluster/kubernetes/pods/names.ts";
import { heard } from "./heard.ts";
import { measure, summary, times } from "./measure.ts";

const run = promisify(execFile);
const AN_ACCOUNT_EACH = 5;

/** In the order in which they come; each from the moment of the wish, but for the last two, which are from DELETE. */
const STEPS = [
  "POST answered",
  "pod created",
  "pod scheduled",
  "container started",
  "pod ready",
  "its SSH port answers",
  "`applied` in the event stream",
  "`ready` in the event stream",
  "first command answered",
  "stopped: `stopped` in REST",
  "stopped: pod gone",
] as const;
type Step = (typeof STEPS)[number];
type Marks = Map<Step, number>;

const Named = z.object({ metadata: z.object({ name: z.string() }) });
const ServiceEvent = z.object({ spec: z.object({ ports: z.array(z.object({ nodePort: z.number() })) }) });
const PodEvent = z.object({
  status: z
    .object({
      conditions: z.array(z.object({ type: z.string(), status: z.string() })).nullish(),
      containerStatuses: z.array(z.object({ state: z.looseObject({ running: z.unknown() }).nullish() })).nullish(),
    })
    .nullish(),
});

/** @returns a table of how long each step took */
export async function firstLogins(stand: Stand, how: string, count: number, atOnce: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "berth-bench-key-"));
  const journal = new Journal();
  const pods = watchPods(stand);
  try {
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")]);
    const publicKey = (await readFile(join(folder, "key.pub"), "utf8")).trim();
    const privateKey = await readFile(join(folder, "key"), "utf8");
    const url = stand.urls[0] ?? "";
    const took: { first: boolean; marks: Marks }[] = [];
    const customers: Customer[] = [];
    await measure(atOnce, { count }, async (_, loop, ofLoop) => {
      const first = ofLoop % AN_ACCOUNT_EACH === 0; // its namespace is made, too
      if (first) customers[loop] = await newCustomer(url, journal);
      const customer = customers[loop];
      if (customer) took.push({ first, marks: await rental(stand, pods, customer, { publicKey, privateKey }) });
    });
    return table(how, took);
  } finally {
    pods.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function rental({ urls, db }: Stand, pods: Pods, customer: Customer, key: Keys): Promise<Marks> {
  const marks: Marks = new Map();
  const startedMs = performance.now();
  const since = () => performance.now() - startedMs;
  const created = await customer.client.createJob({
    idempotencyKey: crypto.randomUUID(),
    body: {
      ...{ kind: "rental", name: "bench", gpu_count: 0, image: IMAGE, cpu_cores: 1, memory_gb: 1, storage_gb: 1 },
      ...{ duration_hours: 1, ssh_public_key: key.publicKey },
    },
  });
  const { id, host_key_fingerprint: fingerprint } = rentalOf(created);
  marks.set("POST answered", since());
  const execution = await executionOfJob(db, id);
  const pod = pods.follow(podName(execution), startedMs);
  const door = pod.port.then(async (port) => {
    while (!(await sshAnswers("127.0.0.1", port))) await sleep(20);
    marks.set("its SSH port answers", since());
  });
  await heard(urls[0] ?? "", customer.token, id, (code) => {
    if (code === "applied") marks.set("`applied` in the event stream", since());
    if (code === "ready") marks.set("`ready` in the event stream", since());
    return code === "ready";
  });
  const { ssh } = rentalOf(await customer.client.getJob({ params: { id } }));
  if (!ssh) throw new Error(`${id} runs without an SSH line`);
  await login(ssh.port, fingerprint, key.privateKey);
  marks.set("first command answered", since());
  await door;

  const stoppedMs = performance.now();
  await customer.client.stopJob({ params: { id } });
  const gone = pod.gone.then(() => marks.set("stopped: pod gone", performance.now() - stoppedMs));
  while ((await customer.client.getJob({ params: { id } })).status !== "stopped") await sleep(50);
  marks.set("stopped: `stopped` in REST", performance.now() - stoppedMs);
  await gone;
  for (const [step, ms] of pod.marks) marks.set(step, ms);
  return marks;
}

interface Keys {
  readonly publicKey: string;
  readonly privateKey: string;
}

async function executionOfJob(db: Stand["db"], jobId: string): Promise<ExecutionId> {
  const [row] = await db.execute<{ id: ExecutionId }>(sql`select execution_id as id from jobs where id = ${jobId}`);
  if (!row) throw new Error(`${jobId} has no execution`);
  return row.id;
}

interface Followed {
  readonly marks: Marks;
  /** of its Service */
  readonly port: Promise<number>;
  readonly gone: Promise<void>;
}
type Pods = ReturnType<typeof watchPods>;

/** Moments at which the cluster tells of pods and Services, as they come. */
function watchPods({ config, prefix }: Stand) {
  const followed = new Map<string, { tell(type: string, object: unknown): void }>();
  const earlier = new Map<string, { type: string; object: unknown; atMs: number }[]>();
  const end = new AbortController();
  let atMs = 0;
  const hear = (type: string, object: unknown) => {
    const name = Named.safeParse(object).data?.metadata.name;
    if (name === undefined) return;
    atMs = performance.now();
    const known = followed.get(name);
    if (known) known.tell(type, object);
    else earlier.set(name, [...(earlier.get(name) ?? []), { type, object, atMs }]);
  };
  const loop = async (path: string) => {
    while (!end.signal.aborted)
      await new Promise<void>((ended) => {
        const asked = { labelSelector: `${prefix}/execution` };
        new Watch(config)
          .watch(path, asked, hear, () => ended())
          .then(
            (controller) => end.signal.addEventListener("abort", () => controller.abort(), { once: true }),
            () => ended(),
          );
      });
  };
  for (const path of ["/api/v1/pods", "/api/v1/services"]) void loop(path);
  return {
    close: () => end.abort(),
    follow(name: string, startedMs: number): Followed {
      const marks: Marks = new Map();
      const mark = (step: Step, when: boolean) => void (when && !marks.has(step) && marks.set(step, atMs - startedMs));
      let tellPort: (port: number) => void = () => {};
      let tellGone = () => {};
      const port = new Promise<number>((resolve) => {
        tellPort = resolve;
      });
      const gone = new Promise<void>((resolve) => {
        tellGone = resolve;
      });
      const tell = (type: string, object: unknown) => {
        const nodePort = ServiceEvent.safeParse(object).data?.spec.ports[0]?.nodePort;
        if (nodePort) return tellPort(nodePort);
        if (type === "DELETED") return tellGone();
        const { conditions, containerStatuses } = PodEvent.safeParse(object).data?.status ?? {};
        const is = (wanted: string) => conditions?.some((one) => one.type === wanted && one.status === "True") ?? false;
        mark("pod created", true);
        mark("pod scheduled", is("PodScheduled"));
        mark("container started", Boolean(containerStatuses?.[0]?.state?.running));
        mark("pod ready", is("Ready"));
      };
      for (const each of earlier.get(name) ?? []) {
        atMs = each.atMs;
        tell(each.type, each.object);
      }
      earlier.delete(name);
      followed.set(name, { tell });
      return { marks, port, gone };
    },
  };
}

/** As a strict client does: no other host key is accepted, and nothing is asked. */
function login(port: number, fingerprint: string, privateKey: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const client = new Client();
    const hostVerifier = (key: Buffer) =>
      `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/, "")}` === fingerprint;
    client.on("error", reject).on("ready", () => {
      client.exec("true", (error, channel) => {
        if (error) return reject(error);
        channel.on("close", (code: number | null) => {
          client.end();
          if (code === 0) resolve();
          else reject(new Error(`the first command ended with ${code}`));
        });
        channel.resume();
      });
    });
    client.connect({ host: "127.0.0.1", port, username: "root", privateKey, hostVerifier });
  });
}

function table(how: string, took: readonly { first: boolean; marks: Marks }[]): string {
  const of = (some: typeof took, step: Step) => {
    const ms = some.flatMap(({ marks }) => marks.get(step) ?? []);
    return ms.length === 0 ? "none" : `${times(summary(ms, 1))}, max ${Math.round(Math.max(...ms))} ms`;
  };
  const later = took.filter(({ first }) => !first);
  const first = took.filter((each) => each.first);
  const head = `rent → shell, ${how}: milliseconds from the wish`;
  return [
    `| ${head} | ${later.length} of accounts that rented before | ${first.length} first ones of an account |`,
    "| --- | --- | --- |",
    ...STEPS.map((step) => `| ${step} | ${of(later, step)} | ${of(first, step)} |`),
  ].join("\n");
}
