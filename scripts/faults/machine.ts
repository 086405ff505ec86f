// A provider's machine without the machine: it enrols, beats honestly, and runs what is desired by saying so.
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { generatePrivateKey } from "viem/accounts";
import { HeartbeatAnswer, SIGNATURE_HEADERS, signedText } from "../../protocol/agent.ts";
import { berthClient } from "../../protocol/client.ts";
import { enrolmentToken } from "../up/demo-providers.ts";

export const GPU_MODEL = "NVIDIA GeForce RTX 4090";
/** Agents wait this long for news. */
const WAIT_SECONDS = 25;
/** No answer for so long is none. */
const PATIENCE_MS = (WAIT_SECONDS + 10) * 1000;
const RETRY_MS = 200;

export interface Machine {
  readonly providerId: string;
  /** Execution ids that run here now. */
  running(): readonly string[];
  /** Beats taken, and beats that failed. */
  readonly beats: { taken: number; failed: number };
  /** Drops the beat that waits. */
  stop(): Promise<void>;
}

/** Enrols and beats; resolves once it is on the market. */
export async function startMachine(url: string, name: string, gpuCount: number): Promise<Machine> {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const machine = {
    hostname: name,
    ...{ os: "Debian 12", architecture: "x64", cpu_model: "simulated", cpu_cores: 512 },
    ...{ memory_mb: 2048 * 1024, disk_gb: 32_000, runtime: "process" as const, sandboxed: true },
    gpus: Array.from({ length: gpuCount }, (_, index) => ({
      ...{ index, model: GPU_MODEL, uuid: `GPU-${name}-${index}`, vram_mb: 24_576, declared: true },
    })),
  };
  const { provider_id: providerId } = await berthClient({ baseUrl: url }).enrolProvider({
    body: {
      token: await enrolmentToken(generatePrivateKey(), url),
      public_key: publicKey.export({ type: "spki", format: "der" }).toString("base64"),
      ...{ name, region: "eu-north", host: "127.0.0.1", agent_version: "simulated", machine },
      ...{ price_per_gpu_hour: "0.389000", price_per_cpu_hour: "0.010000" },
    },
  });
  const path = `/api/v1/providers/${providerId}/heartbeat?wait=${WAIT_SECONDS}`;
  const stopping = new AbortController();
  const beats = { taken: 0, failed: 0 };
  let running: readonly string[] = [];
  let generation = 0;

  async function beat(seq: number): Promise<void> {
    const body = JSON.stringify({
      ...{ seq, agent_version: "simulated", instance: "0".repeat(32), machine, generation },
      usage: { cpu_percent: 1, memory_used_mb: 1, gpus: [] },
      executions: running.map((id, index) => ({ id, state: "ready", port: 30_000 + index, user: "root" })),
    });
    const time = new Date().toISOString();
    const hash = createHash("sha256").update(body).digest("hex");
    const response = await fetch(`${url}${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        [SIGNATURE_HEADERS.time]: time,
        [SIGNATURE_HEADERS.sequence]: String(seq),
        [SIGNATURE_HEADERS.signature]: sign(
          null,
          Buffer.from(signedText("POST", path, time, seq, hash)),
          privateKey,
        ).toString("base64"),
      },
      body,
      signal: AbortSignal.any([stopping.signal, AbortSignal.timeout(PATIENCE_MS)]),
    });
    if (!response.ok) throw new Error(`a beat was answered ${response.status}: ${await response.text()}`);
    const answer = HeartbeatAnswer.parse(await response.json());
    running = answer.executions.map(({ id }) => id);
    generation = answer.generation;
  }

  const life = (async () => {
    for (let seq = 1; !stopping.signal.aborted; seq++) {
      try {
        await beat(seq);
        beats.taken += 1;
      } catch {
        if (stopping.signal.aborted) return;
        beats.failed += 1;
        await sleep(RETRY_MS);
      }
    }
  })();
  const broker = berthClient({ baseUrl: url });
  while ((await broker.getProvider({ params: { id: providerId } })).status !== "available") await sleep(50);
  return {
    providerId,
    beats,
    running: () => running,
    async stop() {
      stopping.abort();
      await life;
    },
  };
}
