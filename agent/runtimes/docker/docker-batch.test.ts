import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { BatchSpec } from "../../../domain/execution/spec.ts";
import { until } from "../../processes.ts";
import type { Runtime } from "../runtime.ts";
import { containerName } from "./options.ts";
import { batchSpec, busybox, openStand, reportOf, resultOf, type Stand, stateOf } from "./testing.ts";
import { whyNoEngine } from "./testing-engines.ts";

const BUSYBOX = "localhost/berth-busybox:1";
const OWN = "localhost/berth-own:1";
/** A test machine may let nobody raise limits. */
const ULIMITS = ["--ulimit", "nofile=1024:4096", "--ulimit", "nproc=4096:4096"];
const sh = (script: string) => ["/bin/sh", "-c", script];

describe.skipIf(whyNoEngine)(
  `batch executions in containers (skipped where: ${whyNoEngine ?? "no engine is here"})`,
  () => {
    let stand: Stand;
    let runtime: Runtime;

    beforeAll(async () => {
      stand = await openStand();
      stand.image(BUSYBOX, [], busybox);
      stand.image(OWN, ["WORKDIR /app", 'ENTRYPOINT ["/bin/sh", "-c", "cat own.txt; id -u"]', "USER 1000"], (root) => {
        busybox(root);
        mkdirSync(join(root, "app"));
        writeFileSync(join(root, "app/own.txt"), "of the image\n");
      });
      runtime = await stand.open();
    }, 60_000);

    afterAll(() => stand?.close(), 60_000);

    async function run(command: readonly string[], change: Partial<BatchSpec> = {}) {
      const spec = batchSpec(BUSYBOX, command, change);
      await runtime.apply(spec, 0);
      const result = await resultOf(runtime, spec.id);
      return { ...result, out: result.stdout.toString(), err: result.stderr.toString(), spec };
    }

    test("a program says hello, and its time is the engine's", { timeout: 60_000 }, async () => {
      const from = performance.now();
      const { outcome, end, exitCode, out, err, runMs, startedAt } = await run(["echo", "hello, world"]);
      expect({ outcome, end, exitCode, out, err }).toEqual({
        ...{ outcome: "completed", end: null, exitCode: 0, out: "hello, world\n", err: "" },
      });
      expect(runMs).toBeLessThan(performance.now() - from);
      expect(Math.abs((startedAt?.getTime() ?? 0) - Date.now())).toBeLessThan(30_000);
    });

    test("input comes in whole, longer than any pipe", { timeout: 60_000 }, async () => {
      const inputData = "0123456789abcde\n".repeat(40_000);
      const { out } = await run(["sha256sum"], { inputData });
      expect(out).toBe(`${createHash("sha256").update(inputData).digest("hex")}  -\n`);
      expect((await run(["cat"], { inputData: "all of it" })).out).toBe("all of it");
    });

    test("who reads only the beginning of the input is not harmed by the rest", { timeout: 60_000 }, async () => {
      const { outcome, out } = await run(["head", "-n", "1"], { inputData: "first\n".repeat(200_000) });
      expect({ outcome, out }).toEqual({ outcome: "completed", out: "first\n" });
    });

    test("who never reads its input is ended at its timeout, as everybody", { timeout: 60_000 }, async () => {
      const inputData = "never read\n".repeat(200_000);
      expect(await run(["sleep", "1000"], { inputData, timeoutSeconds: 2 })).toMatchObject({ end: "timed-out" });
      expect(await run(["sleep", "1"], { inputData })).toMatchObject({ outcome: "completed" });
    });

    test("without input stdin is empty", { timeout: 60_000 }, async () => {
      expect((await run(sh("cat; echo end"))).out).toBe("end\n");
    });

    test("stdout and stderr stay apart, whatever the bytes of their frames", { timeout: 60_000 }, async () => {
      const ten = "123456789";
      const long = "x".repeat(265);
      const { out, err } = await run(sh(`echo ${ten}; echo ${long}; echo e${ten} >&2; printf ${long}; printf end >&2`));
      expect(out).toBe(`${ten}\n${long}\n${long}`);
      expect(err).toBe(`e${ten}\nend`);
    });

    test("every byte of an output file comes out as it was", { timeout: 60_000 }, async () => {
      const all = sh('i=0; while [ $i -lt 256 ]; do printf "\\\\$(printf %03o $i)"; i=$((i+1)); done >bytes');
      const { outcome, files } = await run(all, { files: ["bytes"] });
      expect(outcome).toBe("completed");
      expect(files.map(({ path }) => path)).toEqual(["bytes"]);
      expect(files[0]?.content.equals(Buffer.from(Array.from({ length: 256 }, (_, i) => i)))).toBe(true);
    });

    test("what is no text on stdout is no result", { timeout: 60_000 }, async () => {
      expect(await run(sh("printf 'a\\377b'"))).toMatchObject({ outcome: "failed", end: "not-text" });
    });

    test("an exit code is told as it is", { timeout: 60_000 }, async () => {
      expect(await run(sh("echo before; exit 7"))).toMatchObject({
        ...{ outcome: "failed", end: "exit-code", exitCode: 7, out: "before\n" },
      });
    });

    test("a program that is not in the image is the job's own fault", { timeout: 60_000 }, async () => {
      expect(await run(["no-such-program"])).toMatchObject({ outcome: "failed", end: "exit-code", exitCode: 127 });
    });

    test("without a command the image's own runs, as its user and in its folder", { timeout: 60_000 }, async () => {
      const spec = batchSpec(OWN, []);
      await runtime.apply(spec, 0);
      const { outcome, stdout } = await resultOf(runtime, spec.id);
      expect({ outcome, out: stdout.toString() }).toEqual({ outcome: "completed", out: "of the image\n1000\n" });
    });

    test("who is over the timeout is killed, and what it wrote is kept", { timeout: 60_000 }, async () => {
      const { end, out, runMs } = await run(sh("echo begun; sleep 1000"), { timeoutSeconds: 2 });
      expect({ end, out }).toEqual({ end: "timed-out", out: "begun\n" });
      expect(runMs).toBeGreaterThan(1900);
      expect(runMs).toBeLessThan(12_000);
    });

    test("more memory than was wished for ends it, and says so", { timeout: 60_000 }, async () => {
      expect(await run(sh("exec tail /dev/zero"), { memoryMb: 32 })).toMatchObject({ end: "out-of-memory" });
    });

    test("who ends with the code of a kill was not killed: it is the program's own, as every code", {
      timeout: 60_000,
    }, async () => {
      for (const script of ["echo before; exit 137", "echo before; sh -c 'kill -9 $$'; exit $?"])
        expect(await run(sh(script))).toMatchObject({ end: "exit-code", exitCode: 137, out: "before\n" });
    });

    // Kills only: Podman 4.3 does not write down every stop.
    test("who is killed by hand was not out of memory", { timeout: 60_000 }, async () => {
      for (const by of [["kill"], ["kill", "-s", "TERM"]]) {
        const spec = batchSpec(BUSYBOX, sh("trap 'exit 143' TERM; while :; do sleep 0.1; done"));
        await runtime.apply(spec, 0);
        await stateOf(runtime, spec.id, "running");
        stand.command(...by, containerName(spec.id));
        expect(await resultOf(runtime, spec.id)).toMatchObject({ outcome: "failed", end: "infrastructure" });
      }
    });

    test("a bomb of processes stays in its room", { timeout: 60_000 }, async () => {
      const bomb = sh("i=0; while [ $i -lt 600 ]; do sleep 30 & i=$((i+1)); done; echo too many");
      const { out, err, outcome } = await run(bomb);
      expect({ out, outcome }).toEqual({ out: "", outcome: "failed" });
      expect(err).toMatch(/can't fork|Resource temporarily unavailable/);
    });

    test("a file larger than the disk ends it, and says so", { timeout: 60_000 }, async () => {
      const { end } = await run(sh("dd if=/dev/zero of=large bs=1M seek=1024 count=1 2>/dev/null; exit $?"));
      expect(end).toBe("out-of-disk");
    });

    test("only its folder and /tmp can be written, and it has no rights", { timeout: 60_000 }, async () => {
      const { out } = await run(
        sh("touch /etc/x 2>&1; touch /tmp/x here && pwd; grep -E 'CapEff|NoNewPrivs' /proc/self/status"),
      );
      expect(out).toContain("Read-only file system");
      expect(out).toContain("/work\n");
      expect(out).toMatch(/CapEff:\s+0000000000000000/);
      expect(out).toMatch(/NoNewPrivs:\s+1/);
    });

    test("without a wish for it there is no network, with one there is", { timeout: 60_000 }, async () => {
      const look = sh("ls /sys/class/net; nc -w 2 1.1.1.1 53 </dev/null; echo $?");
      expect((await run(look)).out).toBe("lo\n1\n");
      expect((await run(sh("ls /sys/class/net"), { network: true })).out).toMatch(/eth0/);
    });

    test("variables come in; facts and the choice of devices are no wishes", { timeout: 60_000 }, async () => {
      const env = { MINE: "two\nlines", BERTH_JOB_ID: "forged", NVIDIA_VISIBLE_DEVICES: "all" };
      const { out, spec } = await run(sh('echo "$MINE|$BERTH_JOB_ID|$NVIDIA_VISIBLE_DEVICES|$(hostname)"'), { env });
      expect(out).toBe(`two\nlines|${spec.jobId}|void|berth\n`);
    });

    test("files and folders are collected, sorted", { timeout: 60_000 }, async () => {
      const { outcome, files } = await run(sh("mkdir -p out/deep; echo b >out/deep/b; echo a >out/a; echo c >c"), {
        files: ["out", "c", "./out/a"],
      });
      expect(outcome).toBe("completed");
      expect(files.map(({ path, content }) => [path, content.toString()])).toEqual([
        ...[
          ["c", "c\n"],
          ["out/a", "a\n"],
          ["out/deep/b", "b\n"],
        ],
      ]);
    });

    test("no link is followed, at its end or on the way, nor is a pipe read", { timeout: 60_000 }, async () => {
      const short = { end: "missing-file", files: [] };
      expect(await run(sh("ln -s /etc/passwd link"), { files: ["link"] })).toMatchObject(short);
      expect(await run(sh("ln -s /etc way"), { files: ["way/passwd"] })).toMatchObject(short);
      expect(await run(sh("mkdir out; ln -s /etc/passwd out/link"), { files: ["out"] })).toMatchObject(short);
      expect(await run(sh("mkfifo pipe"), { files: ["pipe"] })).toMatchObject(short);
      expect(await run(sh("true"), { files: ["nothing"] })).toMatchObject(short);
    });

    test("more output than a result may be is none", { timeout: 60_000 }, async () => {
      const large = { outcome: "failed", end: "too-large" };
      expect(await run(sh("head -c 2000000 /dev/zero >f"), { files: ["f"] })).toMatchObject(large);
      expect(
        await run(sh("mkdir d; for i in 1 2 3; do head -c 400000 /dev/zero >d/$i; done"), { files: ["d"] }),
      ).toMatchObject(large);
      expect(await run(["yes"])).toMatchObject(large); // it would never end by itself
    });

    test("an image that is nowhere is told from one that runs and fails", { timeout: 60_000 }, async () => {
      const spec = batchSpec("localhost/berth-busybox@sha256:".concat("0".repeat(64)), ["true"], { timeoutSeconds: 5 });
      await runtime.apply(spec, 0);
      await expect.poll(() => reportOf(runtime, spec.id)?.state).toBe("starting"); // a registry may be away for a moment
      await runtime.remove(spec.id);
      expect(reportOf(runtime, spec.id)).toBeUndefined();
    });

    test("a removal ends what runs and leaves neither container nor volume", { timeout: 60_000 }, async () => {
      const spec = batchSpec(BUSYBOX, ["sleep", "1000"]);
      await runtime.apply(spec, 0);
      expect(await stateOf(runtime, spec.id, "running")).toHaveProperty("started_at");
      const volumes = () => stand.command("volume", "ls", "-q").split("\n").length;
      const before = volumes();
      await runtime.remove(spec.id);
      expect(reportOf(runtime, spec.id)).toBeUndefined();
      expect(stand.command("ps", "-aq", "--filter", `name=${containerName(spec.id)}`)).toBe("");
      expect(volumes()).toBe(before - 1);
    });

    test("two run side by side", { timeout: 60_000 }, async () => {
      const [one, two] = await Promise.all([run(sh("sleep 5; echo 1")), run(sh("sleep 5; echo 2"))]);
      expect([one.out, two.out]).toEqual(["1\n", "2\n"]);
      const apart = Math.abs((one.startedAt?.getTime() ?? 0) - (two.startedAt?.getTime() ?? 0));
      expect(apart).toBeLessThan(5000);
    });

    test("a new agent takes over what runs, and nothing runs twice", { timeout: 60_000 }, async () => {
      const root = join(stand.folder, "restarted");
      const first = await stand.open(root);
      const spec = batchSpec(BUSYBOX, sh("cat; echo once >>ran; sleep 3; cat ran"), {
        ...{ inputData: "input\n", files: ["ran"] },
      });
      await first.apply(spec, 0);
      await stateOf(first, spec.id, "running");
      await until(() => false, 500);
      first.close();
      const second = await stand.open(root);
      await second.apply(spec, 0);
      expect(second.list()).toHaveLength(1);
      const { outcome, stdout, files } = await resultOf(second, spec.id);
      expect({ outcome, out: stdout.toString() }).toEqual({ outcome: "completed", out: "input\nonce\n" });
      expect(files[0]?.content.toString()).toBe("once\n");
      second.close();
      const third = await stand.open(root);
      expect((await resultOf(third, spec.id)).stdout.toString()).toBe("input\nonce\n");
    });

    test("a container that somebody took away is not made again", { timeout: 60_000 }, async () => {
      const spec = batchSpec(BUSYBOX, ["sleep", "1000"]);
      await runtime.apply(spec, 0);
      await stateOf(runtime, spec.id, "running");
      stand.remove(containerName(spec.id));
      expect(await resultOf(runtime, spec.id)).toMatchObject({ outcome: "failed", end: "infrastructure" });
    });

    test("while the engine is away what was last known is told, and then it goes on", { timeout: 60_000 }, async () => {
      const spec = batchSpec(BUSYBOX, sh("sleep 4; echo through"));
      await runtime.apply(spec, 0);
      await stateOf(runtime, spec.id, "running");
      await stand.endService();
      await until(() => false, 1000);
      expect(reportOf(runtime, spec.id)?.state).toBe("running");
      await expect(runtime.remove(spec.id)).rejects.toThrow();
      expect(reportOf(runtime, spec.id)?.state).toBe("running");
      await stand.startService();
      expect((await resultOf(runtime, spec.id)).stdout.toString()).toBe("through\n");
    });

    test("a container with this agent's label that nobody ordered is removed", { timeout: 60_000 }, async () => {
      const root = join(stand.folder, "orphans");
      stand.command(
        "run",
        "-d",
        "--name",
        "orphan",
        "--label",
        `berth.root=${root}`,
        ...ULIMITS,
        BUSYBOX,
        "sleep",
        "1000",
      );
      await stand.open(root);
      await expect.poll(() => stand.command("ps", "-aq", "--filter", "name=orphan"), { timeout: 20_000 }).toBe("");
    });
  },
);
