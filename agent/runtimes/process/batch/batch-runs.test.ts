// Batch executions in a real bubblewrap, from the order to the result.
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { BatchSpec } from "../../../../domain/execution/spec.ts";
import { isId } from "../../../../domain/ids.ts";
import { closeInherited } from "../../../inherited.ts";
import { signal, until } from "../../../processes.ts";
import type { FinishedRun } from "../../finished-run.ts";
import type { Runtime } from "../../runtime.ts";
import { whyNoSandbox } from "../sandbox.ts";
import { base, clear, endAll, newId, newMarker, open, openRuntime, prepare, processesWith } from "../testing.ts";
import { readWords } from "./runner.ts";

beforeAll(prepare);
afterEach(endAll);
afterAll(clear);

let roots = 0;
const newRoot = () => join(base, `batch-${roots++}`);
const sh = (script: string): Partial<BatchSpec> => ({ command: ["sh", "-c", script] });

function batchSpec(change: Partial<BatchSpec> = {}): BatchSpec {
  return {
    ...{ id: newId("exec"), jobId: newId("job"), providerId: newId("prov"), kind: "batch", image: "busybox" },
    ...{
      command: ["true"],
      registryLogin: null,
      inputData: "",
      files: [],
      network: false,
      cpuCores: 1,
      memoryMb: 1024,
      diskGb: 5,
    },
    ...{ gpuUuids: [], env: {}, timeoutSeconds: 20, deadline: "2099-01-01T00:00:00.000Z" },
    ...change,
  };
}

async function resultOf(runtime: Runtime, spec: BatchSpec): Promise<FinishedRun> {
  const ended = () => runtime.list().find(({ id }) => id === spec.id)?.state === "ended";
  expect(await until(ended, 30_000, 5)).toBe(true);
  const result = await runtime.result(spec.id);
  if (!result) throw new Error("it has ended and has no result");
  return result;
}

async function runs(change: Partial<BatchSpec>, sandboxed = true) {
  const runtime = await openRuntime(newRoot(), { sandboxed });
  const spec = batchSpec(change);
  await runtime.apply(spec, 0);
  return resultOf(runtime, spec);
}
const text = (bytes: Buffer) => bytes.toString();

test("this machine has a sandbox, or nothing below means anything", async () => {
  expect(await whyNoSandbox()).toBeUndefined();
});

describe.each([true, false])("with a sandbox: %s", (sandboxed) => {
  const run = (change: Partial<BatchSpec>) => runs(change, sandboxed);

  test("input goes in, stdout, stderr and output files come out apart", async () => {
    const result = await run({
      ...sh("cat; echo wrong >&2; mkdir -p d/e; echo b > d/e/f; printf '\\000\\377' > bytes"),
      ...{ inputData: "through stdin\n", files: ["d", "bytes"] },
    });
    expect(result).toMatchObject({ outcome: "completed", end: null, exitCode: 0 });
    expect([text(result.stdout), text(result.stderr)]).toEqual(["through stdin\n", "wrong\n"]);
    expect(result.files).toEqual([
      { path: "bytes", content: Buffer.of(0, 255) },
      { path: "d/e/f", content: Buffer.from("b\n") },
    ]);
    expect(result.startedAt?.getTime()).toBeGreaterThan(Date.now() - 60_000);
  });

  test("no shell touches the command, and the variables are the customer's and the promised ones, none of the machine", async () => {
    expect(text((await run({ command: ["printf", "%s|", "$HOME", "a b", "*", ""] })).stdout)).toBe("$HOME|a b|*||");
    const spec = { env: { MINE: "x'y", BERTH_JOB_ID: "forged", LD_PRELOAD: "/x" }, gpuUuids: ["GPU-1", "GPU-2"] };
    const { stdout } = await run({ ...spec, command: ["env"] });
    const seen = Object.fromEntries(
      text(stdout)
        .split("\n")
        .map((line) => line.split(/=(.*)/s)),
    );
    expect(seen).toMatchObject({ MINE: "x'y", BERTH_GPU_COUNT: "2", CUDA_VISIBLE_DEVICES: "GPU-1,GPU-2" });
    expect(seen.BERTH_JOB_ID).toMatch(/^job_/);
    expect(seen).not.toHaveProperty("LD_PRELOAD");
    expect(seen).not.toHaveProperty("BERTH_CANARY");
  });

  test("stdin, stdout and stderr are all that a program finds open", async () => {
    closeInherited(); // as the agent does when it starts
    expect(text((await run(sh("ls /proc/$$/fd"))).stdout)).toBe("0\n1\n2\n");
  });

  test("an exit code is told with what was written, and files are not asked for then", async () => {
    const result = await run({ ...sh("echo so far; echo why >&2; exit 7"), files: ["out"] });
    expect(result).toMatchObject({ outcome: "failed", end: "exit-code", exitCode: 7, files: [] });
    expect([text(result.stdout), text(result.stderr)]).toEqual(["so far\n", "why\n"]);
    expect(await run(sh("kill -9 $$"))).toMatchObject({ end: "exit-code", exitCode: 137 });
  });

  test("what runs longer than its timeout is killed with all it started", async () => {
    const marker = newMarker();
    const result = await run({
      ...sh(`trap '' TERM; (setsid sleep ${marker} &) ; sleep ${marker}`),
      timeoutSeconds: 1,
    });
    expect(result).toMatchObject({ outcome: "failed", end: "timed-out", exitCode: null });
    expect(result.runMs).toBeGreaterThanOrEqual(950);
    expect(result.runMs).toBeLessThan(6000);
    expect(processesWith(marker)).toEqual([]);
  });

  test("who writes too much to stdout is killed, even who does not care about a closed pipe", async () => {
    const from = performance.now();
    expect(await run(sh("trap '' PIPE; yes 2>/dev/null; sleep 60"))).toMatchObject({
      outcome: "failed",
      end: "too-large",
    });
    expect(performance.now() - from).toBeLessThan(15_000);
  });

  test("a missing file, one that is too large and a folder with more than fits are no results", async () => {
    expect(await run({ files: ["out"] })).toMatchObject({ outcome: "failed", end: "missing-file" });
    const large = sh("head -c 1000000 /dev/zero > a; head -c 100000 /dev/zero > b");
    expect(await run({ ...large, files: ["a"] })).toMatchObject({ outcome: "completed" });
    expect(await run({ ...large, files: ["a", "b"] })).toMatchObject({ outcome: "failed", end: "too-large" });
  });

  test("bytes that are no text, or a NUL, are refused in stdout and welcome in a file", async () => {
    for (const bytes of ["\\377\\376", "a\\000b"])
      expect(await run(sh(`printf '${bytes}'`))).toMatchObject({
        outcome: "failed",
        end: "not-text",
        stdout: Buffer.of(),
      });
    expect(await run({ ...sh("printf '\\000' > f"), files: ["f"] })).toMatchObject({ outcome: "completed" });
  });

  test("a network, no command and a program that is not here are refused, not failed", async () => {
    const refusals = [{ network: true }, { command: [] }, { command: ["no-such-program"] }];
    for (const change of refusals)
      expect(await run(change)).toMatchObject({ outcome: "refused", end: "cannot-run", runMs: 0, startedAt: null });
    expect((await run({ network: true })).detail).toContain("without a network");
    expect(await run(sh("no-such-program"))).toMatchObject({ outcome: "failed", end: "exit-code", exitCode: 127 });
  });
});

describe("output files", () => {
  test("a link, a pipe and a way out of the working directory are never followed", async () => {
    const wishes: [script: string, file: string][] = [
      ["ln -s /etc/passwd out", "out"],
      ["ln -s /etc out", "out/passwd"],
      ["mkdir d; ln -s /etc/passwd d/x", "d"],
      ["mkfifo out", "out"],
      ["true", "../order.json"],
      ["true", "/etc/passwd"],
      ["mkdir d; ln -s ../../order.json d/x", "d/x"],
    ];
    for (const [script, file] of wishes) {
      const result = await runs({ ...sh(script), files: [file] });
      expect([file, result.end]).toEqual([file, "missing-file"]);
      expect(result.files).toEqual([]);
    }
  });

  test("a folder that nobody may read, and one without end, do no harm", async () => {
    expect(
      (await runs({ ...sh("i=0; while [ $i -lt 70 ]; do mkdir d; cd d; i=$((i+1)); done; touch f"), files: ["d"] }))
        .end,
    ).toBe("too-large");
    expect(
      (await runs({ ...sh("mkdir d; cd d; i=0; while [ $i -lt 1100 ]; do : > $i; i=$((i+1)); done"), files: ["d"] }))
        .end,
    ).toBe("too-large");
  });
});

describe("hostile programs", () => {
  test("processes that beget processes end at the timeout, all of them", async () => {
    const marker = newMarker();
    const grow = `f() { while :; do sleep ${marker} & [ $n -gt 150 ] && break; n=$((n+1)); done; wait; }; n=0; f`;
    const result = await runs({ ...sh(`${grow} & ${grow}`), timeoutSeconds: 2 });
    expect(result.end).toBe("timed-out");
    expect(processesWith(marker)).toEqual([]);
  });

  test("what is left in the background after the program's end does not hold it up, and is gone", async () => {
    const marker = newMarker();
    const result = await runs(sh(`(trap '' TERM HUP; setsid sleep ${marker}) & echo done`));
    expect(result).toMatchObject({ outcome: "completed" });
    expect(text(result.stdout)).toBe("done\n");
    expect(processesWith(marker)).toEqual([]);
  });

  test("more memory than was bought is not given, and a file does not grow over the disk that was", async () => {
    const eat = "x=$(head -c 300000000 /dev/zero | tr '\\000' a); echo all of it";
    expect(await runs({ ...sh(eat), memoryMb: 128 })).toMatchObject({ outcome: "failed", end: "exit-code" });
    const grow = "head -c 1 /dev/zero | dd of=f bs=1 seek=2G 2>/dev/null";
    expect(await runs({ ...sh(`exec ${grow.split("| ")[1]} < /etc/hostname`), diskGb: 1 })).toMatchObject({
      end: "out-of-disk",
    });
  });

  test("there is no network, no right over the machine, and no sight of the order", async () => {
    const { stdout } = await runs(
      sh(
        "ls /sys/class/net 2>/dev/null; cat /proc/net/dev | grep -v lo: | wc -l; id -u; ls /root; grep CapEff /proc/self/status",
      ),
    );
    expect(text(stdout)).toBe("2\n0\nCapEff:\t0000000000000000\n");
  });
});

describe("over restarts of the agent", () => {
  test("it runs once: a new agent adopts it in the middle and has its result", async () => {
    const root = newRoot();
    const first = await openRuntime(root);
    const spec = batchSpec(sh("echo begun >> log; until [ -e go ]; do sleep 0.05; done; cat log"));
    await first.apply(spec, 0);
    expect(await until(() => existsSync(join(root, spec.id, "home/log")), 20_000, 5)).toBe(true);
    first.close();
    open.pop();
    const second = await openRuntime(root);
    const heard: string[] = [];
    second.onResult((id) => heard.push(id));
    expect(second.list()).toMatchObject([{ id: spec.id, state: "running" }]);
    await second.apply(spec, 0);
    writeFileSync(join(root, spec.id, "home/go"), "");
    expect(text((await resultOf(second, spec)).stdout)).toBe("begun\n");
    expect(await until(() => heard.length > 0, 20_000)).toBe(true); // it is told once it is written down
    expect(heard).toEqual([spec.id]);
  });

  test("what ended while no agent was there is found, the same each time, until it is removed", async () => {
    const root = newRoot();
    const first = await openRuntime(root);
    const spec = batchSpec({ ...sh("echo out; echo file > f"), files: ["f"] });
    await first.apply(spec, 60_000);
    first.close();
    open.pop();
    await until(() => existsSync(join(root, spec.id, "ended")), 20_000);
    const second = await openRuntime(root);
    const result = await resultOf(second, spec);
    expect(result).toMatchObject({ outcome: "completed" });
    expect(result.startedAt?.getTime()).toBeGreaterThan(Date.now() + 30_000); // by the broker's clock
    const third = await openRuntime(root);
    expect(await resultOf(third, spec)).toEqual(result);
    await third.remove(spec.id);
    expect(third.list()).toEqual([]);
    expect(await third.result(spec.id)).toBeNull();
    expect(existsSync(join(root, spec.id))).toBe(false);
  });

  test("an order whose runner never began is begun by the next agent", async () => {
    const root = newRoot();
    const first = await openRuntime(root);
    const spec = batchSpec({ command: ["echo", "hello"] });
    await first.apply(spec, 0);
    await resultOf(first, spec);
    first.close();
    open.pop();
    const dir = join(root, spec.id);
    // Its result is there a moment before it is written down.
    expect(await until(() => existsSync(join(dir, "finish.json")), 20_000)).toBe(true);
    execFileSync("sh", ["-c", "rm -r claim started status code ended stdout stderr finish.json"], { cwd: dir });
    const second = await openRuntime(root);
    expect(text((await resultOf(second, spec)).stdout)).toBe("hello\n");
  });

  test("one whose runner was killed is over, and nothing of it runs on", async () => {
    const root = newRoot();
    const first = await openRuntime(root);
    const marker = newMarker();
    const spec = batchSpec(sh(`sleep ${marker}`));
    await first.apply(spec, 0);
    const words = async () => readWords(join(root, spec.id));
    await until(async () => Boolean((await words())?.init), 20_000, 5);
    first.close();
    open.pop();
    const runner = (await words())?.runner;
    if (!runner) throw new Error("it has no runner");
    signal(runner, "SIGKILL");
    const second = await openRuntime(root);
    expect(await resultOf(second, spec)).toMatchObject({ outcome: "failed", end: "infrastructure" });
    expect(processesWith(marker)).toEqual([]);
  });
});

describe("side by side", () => {
  test("removal ends what runs, at any moment, and leaves no file", async () => {
    const root = newRoot();
    const runtime = await openRuntime(root);
    for (const waitMs of [0, 5, 20, 100]) {
      const marker = newMarker();
      const spec = batchSpec(sh(`sleep ${marker}`));
      const applied = runtime.apply(spec, 0);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      await runtime.remove(spec.id);
      await applied;
      expect(runtime.list()).toEqual([]);
      expect(existsSync(join(root, spec.id))).toBe(false);
      expect(processesWith(marker)).toEqual([]);
    }
  });

  test("twenty at once each have their own home and their own result", async () => {
    const runtime = await openRuntime(newRoot());
    const specs = Array.from({ length: 20 }, (_, n) =>
      batchSpec({ ...sh(`echo ${n} > f; sleep 0.2; cat *`), files: ["f"] }),
    );
    await Promise.all(specs.map((spec) => runtime.apply(spec, 0)));
    const results = await Promise.all(specs.map((spec) => resultOf(runtime, spec)));
    expect(results.map(({ stdout }) => text(stdout))).toEqual(specs.map((_, n) => `${n}\n`));
  });

  test("when all is stopped each is told as the machine's doing", async () => {
    const runtime = await openRuntime(newRoot());
    const spec = batchSpec(sh("sleep 60"));
    await runtime.apply(spec, 0);
    await runtime.stopAll("demo-stopped", "The demo was stopped.");
    expect(await resultOf(runtime, spec)).toMatchObject({ end: "infrastructure", detail: "The demo was stopped." });
    expect(runtime.list().every(({ id }) => isId("exec", id))).toBe(true);
  });
});
