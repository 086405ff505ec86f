// How executions begin, change hands and end, and that nothing of them stays.
import { createServer as createTcpServer } from "node:net";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { until } from "../../processes.ts";
import { readState } from "./execution-dir.ts";
import {
  base,
  clear,
  endAll,
  newMarker,
  open,
  openRuntime,
  portOf,
  prepare,
  processesWith,
  rent,
  specFor,
  ssh,
} from "./testing.ts";

beforeAll(prepare);
afterEach(endAll);
afterAll(clear);

/** A shell that has answered may still be starting what it left in the background. */
const oneWith = (marker: string) => expect.poll(() => processesWith(marker).length, { timeout: 20_000 }).toBe(1);

describe("beginning and end", () => {
  test("applying twice never runs twice", async () => {
    const { runtime, spec, root, port } = await rent();
    await runtime.apply(spec, 0);
    const twin = await openRuntime(root);
    await twin.apply(spec, 0);
    expect(await portOf(twin, spec.id)).toBe(port);
    expect(processesWith(join(root, spec.id)).length).toBe(2); // the supervisor and its bubblewrap
    twin.close();
    open.pop();
  });

  test("removal leaves no process, no file and no port, however a command resists", async () => {
    const { runtime, spec, dir, port } = await rent();
    const marker = newMarker();
    await ssh(
      port,
      `trap '' TERM HUP; (trap '' TERM HUP; setsid nohup sleep ${marker}) >/dev/null 2>&1 & mkdir locked; touch locked/x; chmod 000 locked`,
    );
    await expect.poll(() => processesWith(marker).length, { timeout: 20_000 }).toBeGreaterThan(0);
    await runtime.remove(spec.id);
    expect(runtime.list()).toEqual([]);
    expect(processesWith(marker)).toEqual([]);
    expect(processesWith(dir)).toEqual([]);
    expect(await readState(dir)).toBeUndefined();
    await new Promise<void>((done, failed) => {
      const server = createTcpServer()
        .on("error", failed)
        .listen(port, "127.0.0.1", () => server.close(() => done()));
    });
  });

  test("an execution outlives its agent and is adopted with the same port", async () => {
    const { runtime, root, spec, port } = await rent();
    runtime.close();
    const later = await openRuntime(root);
    expect(later.list()).toEqual([{ id: spec.id, state: "ready", port, user: "root" }]);
    expect(await ssh(port, "echo still here")).toMatchObject({ out: "still here\n" });
  });

  test("a killed supervisor takes all with it, and the end is told once as killed", async () => {
    const { runtime, dir, port, spec } = await rent();
    const marker = newMarker();
    await ssh(port, `nohup sleep ${marker} >/dev/null 2>&1 &`);
    await oneWith(marker);
    const state = await readState(dir);
    if (state?.phase !== "ready") throw new Error("not ready");
    process.kill(state.supervisor.pid, "SIGKILL");
    await until(() => runtime.list()[0]?.state === "ended", 30_000);
    expect(runtime.list()).toMatchObject([{ id: spec.id, state: "ended", cause: "killed" }]);
    expect(processesWith(marker)).toEqual([]);
  });

  test("one that died while no agent was there is told as ended", async () => {
    const { runtime, root, dir } = await rent();
    runtime.close();
    const state = await readState(dir);
    if (state?.phase !== "ready") throw new Error("not ready");
    process.kill(state.supervisor.pid, "SIGKILL");
    await until(() => processesWith(dir).length === 0, 30_000);
    const later = await openRuntime(root);
    expect(later.list()).toMatchObject([{ state: "ended", cause: "killed" }]);
  });

  test("a demo's stop is told by the next start, and a stopped execution never starts again", async () => {
    const { runtime, root, spec } = await rent();
    await runtime.stopAll("demo-stopped", "The demo was stopped.");
    runtime.close();
    const later = await openRuntime(root);
    await later.apply(spec, 0);
    expect(later.list()).toMatchObject([{ state: "ended", cause: "demo-stopped", detail: "The demo was stopped." }]);
  });

  test("a supervisor that cannot start is a failed start that says why", async () => {
    const runtime = await openRuntime(join(base, "broken"), {
      supervisor: [process.execPath, "-e", "console.error('no disk'); process.exit(3)"],
    });
    await runtime.apply(specFor(), 0);
    await until(() => runtime.list()[0]?.state === "ended", 30_000);
    expect(runtime.list()).toMatchObject([
      { state: "ended", cause: "start-failed", detail: expect.stringContaining("no disk") },
    ]);
  });

  test("past its deadline an execution ends itself, whatever the broker's clock says about ours", async () => {
    const { runtime, spec } = await rent({ deadline: new Date(Date.now() + 3_600_000).toISOString() });
    await runtime.apply({ ...spec, deadline: new Date(Date.now() - 3_600_000).toISOString() }, 0);
    expect(runtime.list()).toMatchObject([{ state: "ready" }]);
    await until(() => runtime.list()[0]?.state === "ended", 60_000, 200);
    expect(runtime.list()).toMatchObject([{ state: "ended", cause: "deadline" }]);
  });

  test("without a sandbox there is still a private home, a clean environment and an end without orphans", async () => {
    const { runtime, spec, port, dir } = await rent({}, { sandboxed: false });
    const marker = newMarker();
    const { out } = await ssh(port, `pwd; env | grep -c CANARY; setsid nohup sleep ${marker} >/dev/null 2>&1 &`);
    expect(out).toBe(`${join(dir, "home")}\n0\n`);
    await oneWith(marker);
    await runtime.remove(spec.id);
    expect(processesWith(marker)).toEqual([]);
  });

  test("without a sandbox, too, a killed supervisor leaves nothing behind", async () => {
    const { runtime, port, dir } = await rent({}, { sandboxed: false });
    const marker = newMarker();
    await ssh(port, `setsid nohup sleep ${marker} >/dev/null 2>&1 &`);
    await oneWith(marker);
    const state = await readState(dir);
    if (state?.phase !== "ready") throw new Error("not ready");
    process.kill(state.supervisor.pid, "SIGKILL");
    await until(() => runtime.list()[0]?.state === "ended", 30_000);
    expect(processesWith(marker)).toEqual([]);
  });
});
