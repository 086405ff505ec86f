import { afterEach, describe, expect, test, vi } from "vitest";
import { BatchJobView } from "../protocol/batch.ts";
import { berthClient } from "../protocol/client.ts";
import { processIo } from "./io.ts";
import { newsOfJob, waitForJob } from "./wait.ts";

const AT = "2026-06-01T12:00:00Z";
const ID = `job_${"0".repeat(26)}`;

function job(over: Partial<BatchJobView>): BatchJobView {
  return BatchJobView.parse({
    ...{ id: ID, job_id: ID, kind: "batch", name: "a", description: "", docker_image: "alpine", command: ["true"] },
    ...{ environment: {}, input_data: "", required_cpu: 1, required_memory: 1, required_gpu: false, redundancy: 3 },
    ...{
      consensus: 2,
      status: "pending",
      submitted_by: "",
      submitted_at: AT,
      credits_required: 1,
      assurance: "standard",
    },
    ...{ dispatch: "lazy", comparator: { kind: "exact" }, files: [], network: false, reusable: false, gpu_count: 0 },
    ...{ gpu_model: null, timeout_seconds: 300, queue_timeout: 600, reason: null, verdict: null, waiting: null },
    ...{ queue_position: null, executions_count: 0, price_per_hour: "0.100000", cost_so_far: "0.000000" },
    ...{ refunded: "0.000000", held: "0.000000", created_at: AT },
    ...over,
  });
}

describe("what is told while a job is waited for", () => {
  const waits = (seconds: number) =>
    `It waits for a machine, for ${seconds} s now. Where none comes within ${600 - seconds} s more, it ends.`;

  test("is each change of its status, and each reason to wait once, however often it waits again", () => {
    const news = newsOfJob();
    const seen = [
      job({ waiting: waits(0) }),
      job({ waiting: waits(2) }),
      job({ status: "scheduled" }),
      job({ waiting: waits(0) }),
      job({ status: "scheduled", waiting: waits(0) }),
      job({ status: "scheduled", waiting: `One machine said that it cannot run it. ${waits(1)}` }),
    ].map(news);
    expect(seen).toEqual([
      { isNew: true, waits: waits(0) },
      { isNew: false, waits: null },
      { isNew: true, waits: null },
      { isNew: true, waits: null },
      { isNew: true, waits: null },
      { isNew: true, waits: expect.stringMatching(/^One machine said/) },
    ]);
  });
});

describe("a broker that is away", () => {
  afterEach(() => vi.useRealTimers());

  interface Answered {
    readonly afterMs: number;
    readonly status: number;
    readonly job?: BatchJobView["status"];
  }

  /** @param answer what a look at the time of the clock, in ms, is answered, after how long */
  async function waiting(answer: (atMs: number) => Answered) {
    vi.useFakeTimers();
    const began = performance.now();
    const fetch = async () => {
      const { afterMs, status, job: as = "completed" } = answer(performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, afterMs));
      return status === 200 ? Response.json(job({ status: as })) : new Response("", { status });
    };
    const io = processIo(new AbortController().signal);
    const client = berthClient({ baseUrl: "http://broker.example", fetch });
    const session = { io, broker: "http://broker.example", token: null, config: { brokers: {} }, client, fetch };
    const patience = { goal: null, deadline: null, onChange: () => {}, listens: false };
    const end = waitForJob(session, ID, patience).then(
      ({ status }) => status,
      () => "given up",
    );
    const ended = end.then((how) => ({ how, afterMs: performance.now() - began }));
    await vi.advanceTimersByTimeAsync(3_600_000);
    return ended;
  }

  test("is given up after two minutes and the look under way, even where each look hangs for one", async () => {
    const { how, afterMs } = await waiting(() => ({ afterMs: 60_000, status: 503 }));
    expect(how).toBe("given up");
    expect(afterMs).toBeGreaterThan(120_000);
    expect(afterMs).toBeLessThanOrEqual(185_000);
  });

  test("for less than that is waited for, as often as it goes away", async () => {
    const { how, afterMs } = await waiting((atMs) => {
      const isBack = atMs % 120_000 > 110_000;
      return { afterMs: 10, status: isBack ? 200 : 503, job: atMs > 590_000 ? "completed" : "running" };
    });
    expect(how).toBe("completed");
    expect(afterMs).toBeGreaterThan(590_000);
  });
});
