import { expect, test } from "vitest";
import { type KilledEnd, whoKilled } from "./killed.ts";

const ID = "bbc5c992da5a97b7654a15436938c8350c1bdff6c46a4c35588fcabb2b79a11b";
const line = (constraint: string, id: string) =>
  `[31178.933886] oom-kill:constraint=${constraint},nodemask=(null),cpuset=libpod-${id},mems_allowed=0,` +
  `oom_memcg=/libpod_parent/libpod-${id},task_memcg=/libpod_parent/libpod-${id},task=tail,pid=29786,uid=0`;
const log = (constraint: string, id = ID) =>
  `[1.0] hello\n${line(constraint, id)}\n[31178.9] Memory cgroup out of memory`;

const who = (change: Partial<KilledEnd>) =>
  whoKilled({
    kind: "podman",
    container: ID,
    exitCode: 137,
    oomKilled: false,
    kernelLog: "",
    witness: "seen",
    ...change,
  });

test("who ended well was not killed, whatever became of its children", () => {
  for (const kind of ["docker", "podman"] as const)
    expect(who({ kind, exitCode: 0, oomKilled: true, kernelLog: log("CONSTRAINT_MEMCG") })).toBeNull();
});

test("an engine's word that memory ran out is believed for every exit code but 0", () => {
  for (const kind of ["docker", "podman"] as const)
    for (const exitCode of [1, 137]) expect(who({ kind, exitCode, oomKilled: true })).toBe("out-of-memory");
});

test("every exit code is the program's own where its engine saw the end and nobody had asked for it, 137 too", () => {
  for (const kind of ["docker", "podman"] as const)
    for (const exitCode of [1, 137, 143]) expect(who({ kind, exitCode })).toBeNull();
  expect(who({ exitCode: 1, kernelLog: log("CONSTRAINT_MEMCG") })).toBeNull();
});

test("who was ended by a signal that somebody asked its engine for was ended by the machine", () => {
  for (const kind of ["docker", "podman"] as const)
    for (const exitCode of [137, 143]) expect(who({ kind, exitCode, witness: "asked" })).toBe("infrastructure");
});

test("of a SIGKILL that its engine has forgotten nobody is blamed, other codes are believed", () => {
  for (const kind of ["docker", "podman"] as const) {
    expect(who({ kind, witness: "forgotten" })).toBe("infrastructure");
    expect(who({ kind, witness: "forgotten", exitCode: 143 })).toBeNull();
  }
});

test("on Podman it is out of memory only where the kernel names this container and its own limit", () => {
  expect(who({ kernelLog: log("CONSTRAINT_MEMCG") })).toBe("out-of-memory");
  expect(who({ kind: "docker", kernelLog: log("CONSTRAINT_MEMCG") })).toBeNull();
  expect(who({ kernelLog: log("CONSTRAINT_MEMCG", "0".repeat(64)) })).toBeNull();
});

test("a whole machine short of memory is not the program's fault", () => {
  const text = log("CONSTRAINT_NONE").replace(`oom_memcg=/libpod_parent/libpod-${ID},`, "global_oom,");
  expect(who({ kernelLog: text })).toBe("infrastructure");
  expect(who({ kernelLog: log("CONSTRAINT_NONE") })).toBe("infrastructure");
});
