// The agent's cluster keeps every cluster's contract, with all of it real: the rows, the wire, an agent that was
// enrolled over it and the workspaces that it runs.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { eq } from "drizzle-orm";
import { generatePrivateKey } from "viem/accounts";
import type { ExecutionId, ProviderId } from "../../domain/ids.ts";
import { executions, jobs } from "../../drizzle/schema/job.ts";
import { providers } from "../../drizzle/schema/provider.ts";
import { agentCluster } from "../../server/adapters/cluster/agent/agent-cluster.ts";
import { agentInside } from "../../server/adapters/cluster/agent/agent-inside.ts";
import { blockListOf } from "../../server/cidr.ts";
import type { Cluster } from "../../server/deps.ts";
import { agentStore } from "../../server/repos/agent-store.ts";
import { logStore } from "../../server/repos/logs.ts";
import { type Applied, type Contracted, clusterContract } from "../../server/testing/cluster-contract.ts";
import { until } from "../../server/testing/reaching.ts";
import { openWire, type Wire } from "../../server/testing/wire.ts";
import { enrolmentToken } from "../up/demo-providers.ts";

const HOST = "127.0.0.1";

clusterContract("machines with an agent", async (): Promise<Contracted> => {
  const wire = await openWire({ settings: { demo: true } });
  const tick = setInterval(() => keepTime(wire), 250);
  keepTime(wire);
  const folder = mkdtempSync(join(tmpdir(), "berth-contract-"));
  const agent = startAgent(
    `http://127.0.0.1:${wire.port}`,
    folder,
    await enrolmentToken(generatePrivateKey(), wireUrl(wire)),
  );
  const provider = await enrolled(wire);
  const account = (await wire.world.customer(1)).account;
  const { db, deps } = wire.world;
  const cluster = agentCluster(agentStore(db, deps.secrets));
  const inside = agentInside({
    logs: logStore(db),
    wakes: wire.deps.wakes,
    log: deps.log,
    providerAddresses: blockListOf([HOST]),
  });
  const doorKeys = new Map<ExecutionId, string>();
  const hostKeys = new Map<ExecutionId, string>();

  return {
    cluster: withRows(wire, cluster),
    inside,
    halfClose: true,
    async execution(over = {}): Promise<Applied> {
      const [id, jobId] = [deps.ids.next("exec"), deps.ids.next("job")];
      const [host, door] = [deps.ssh.newHostKey(), deps.ssh.newHostKey()];
      doorKeys.set(id, door.privateKey);
      hostKeys.set(id, host.publicKey);
      await insertRows(wire, { id, jobId, provider, account, hostKey: host.publicKey });
      return {
        where: { tenant: account, nodeName: null, host: HOST },
        spec: {
          ...{ id, jobId, providerId: provider, kind: "rental", image: "demo", cpuCores: 1, memoryMb: 512, diskGb: 1 },
          ...{ gpuUuids: [], env: over.env ?? {}, command: null, registryLogin: null, sshHostKey: host.privateKey },
          sshPublicKeys: [...(over.sshPublicKeys ?? []), `${door.publicKey} berth-broker`],
          deadline: new Date(Date.now() + 3_600_000).toISOString(),
        },
      };
    },
    whereabouts: ({ id }, { tenant }, endpoint) => ({
      ...{ id, tenant, endpoint },
      hostKey: hostKeys.get(id) ?? "",
      doorKey: doorKeys.get(id) ?? null,
    }),
    // No program of a sandbox writes to its log: the runtime does. So what is written is written where it writes.
    async say({ id }, line) {
      const log = join(folder, "executions", id, "log");
      const newest = readdirSync(log).sort().at(-1) ?? "";
      appendFileSync(join(log, newest), `${line}\n`);
    },
    async close() {
      inside.close();
      agent.kill("SIGTERM");
      if (agent.exitCode === null) await once(agent, "exit");
      clearInterval(tick);
      await wire[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});

const wireUrl = (wire: Wire) => `http://127.0.0.1:${wire.port}`;

/** The world's clock stands still; agents' do not. */
function keepTime(wire: Wire) {
  wire.world.pass(Date.now() - wire.deps.clock.now().getTime());
}

function startAgent(broker: string, folder: string, token: string): ChildProcess {
  const place = ["--broker", broker, "--token", token, "--data-dir", folder, "--host", HOST, "--runtime", "process"];
  const machine = ["--name", "contract", "--region", "eu-north"];
  const prices = ["--price-per-gpu-hour", "0.389000", "--price-per-cpu-hour", "0.010000"];
  const command = ["--import", "tsx", resolve("agent/main.ts"), "start", "--stop-executions-on-exit"];
  return spawn(process.execPath, [...command, ...place, ...machine, ...prices], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

async function enrolled(wire: Wire): Promise<ProviderId> {
  let found: ProviderId | undefined;
  await until("the agent is enrolled and beats", async () => {
    const rows = await wire.world.db.select().from(providers).where(eq(providers.name, "contract"));
    found = rows[0]?.id;
    return rows[0]?.presence === "online";
  });
  if (!found) throw new Error("no provider");
  return found;
}

/** What the reconcile writes once an execution was stopped; it is not part of a cluster. */
function withRows({ world, deps }: Wire, cluster: Cluster): Cluster {
  return {
    ...cluster,
    async remove(id) {
      await cluster.remove(id);
      const ended = { status: "stopped", desired: "stop", endedAt: deps.clock.now() } as const;
      await world.db.update(executions).set(ended).where(eq(executions.id, id));
    },
  };
}

interface Rows {
  readonly id: ExecutionId;
  readonly jobId: Applied["spec"]["jobId"];
  readonly provider: ProviderId;
  readonly account: string;
  readonly hostKey: string;
}

async function insertRows({ world, deps }: Wire, { id, jobId, provider, account, hostKey }: Rows): Promise<void> {
  const createdAt = deps.clock.now();
  const size = { cpuCores: 1, memoryGb: 1, diskGb: 1 };
  await world.db.insert(jobs).values({
    ...{ id: jobId, account, kind: "rental", name: "a rental", executionId: id, pinned: false, anonymous: false },
    ...{ gpuCount: 0, ...size, image: "demo", hours: 1, rate: 1n, sealedEnv: "", sshPublicKeys: [], sealedHostKey: "" },
    ...{ hostKeyPublic: hostKey, hostKeyFingerprint: "", createdAt },
  });
  await world.db.insert(executions).values({
    ...{ id, jobId, providerId: provider, attempt: 1, desired: "run", status: "running", ...size, createdAt },
  });
}
