import { expect, test } from "vitest";
import { batchContainer, containerName, hardLimits, type Maker, rentalContainer, workingDirOf } from "./options.ts";
import { batchSpec, rentalSpec } from "./testing.ts";

const MB = 1024 * 1024;
const GPU = "GPU-aaaaaaaa-1111";
const docker: Maker = {
  ...{ kind: "docker", root: "/var/lib/x", publicHost: "203.0.113.7", most: { openFiles: 1024, processes: 64 } },
};
const podman: Maker = { ...docker, kind: "podman" };
const IMAGE = { workingDir: "/app" };
const batch = (change: Parameters<typeof batchSpec>[2] = {}, maker = docker) =>
  batchContainer(batchSpec("debian:12", ["run", "it"], change), IMAGE, maker);
const rental = (change: Parameters<typeof rentalSpec>[2] = {}, maker = docker) =>
  rentalContainer(rentalSpec("debian:12", { host: "h", own: "o" }, change), 30_001, maker);

test("GPUs are asked for by UUID: from NVIDIA's runtime on Docker, as CDI devices on Podman", () => {
  for (const make of [batch, rental]) {
    const change = { gpuUuids: [GPU] };
    expect(make(change).HostConfig?.DeviceRequests).toEqual([
      { Driver: "nvidia", DeviceIDs: [GPU], Capabilities: [["gpu"]] },
    ]);
    expect(make(change).HostConfig).not.toHaveProperty("Devices");
    expect(make(change, podman).HostConfig?.Devices).toEqual([{ PathOnHost: `nvidia.com/gpu=${GPU}` }]);
    expect(make(change, podman).HostConfig).not.toHaveProperty("DeviceRequests");
    expect(make(change).Env).toContain(`NVIDIA_VISIBLE_DEVICES=${GPU}`);
    expect(make().HostConfig).not.toHaveProperty("DeviceRequests");
    expect(make().Env).toContain("NVIDIA_VISIBLE_DEVICES=void");
  }
});

test("a batch execution has no network unless its job asks for one; no container of Docker stands on its own bridge", () => {
  expect(batch().HostConfig?.NetworkMode).toBe("none");
  expect(batch({}, podman).HostConfig?.NetworkMode).toBe("none");
  expect(batch({ network: true }).HostConfig?.NetworkMode).toBe("berth");
  expect(batch({ network: true }, podman).HostConfig?.NetworkMode).toBe("bridge");
  expect(rental().HostConfig?.NetworkMode).toBe("berth");
});

test("cores, memory without swap, processes and files are limited", () => {
  expect(batch({ cpuCores: 2, memoryMb: 100, diskGb: 3 }).HostConfig).toMatchObject({
    ...{ NanoCpus: 2e9, Memory: 100 * MB, MemorySwap: 100 * MB, PidsLimit: 512 },
    Ulimits: [
      { Name: "nofile", Soft: 1024, Hard: 1024 },
      { Name: "nproc", Soft: 64, Hard: 64 },
      { Name: "fsize", Soft: 3 * 1024 * MB, Hard: 3 * 1024 * MB },
    ],
  });
  expect(rental({ memoryMb: 100 }).HostConfig).toMatchObject({
    Memory: 100 * MB,
    MemorySwap: 100 * MB,
    PidsLimit: 4096,
  });
});

test("a batch execution has no capability and a read-only root, a rental what sshd needs, and neither may gain more", () => {
  expect(batch().HostConfig).toMatchObject({ CapDrop: ["ALL"], ReadonlyRootfs: true });
  expect(batch().HostConfig).not.toHaveProperty("CapAdd");
  expect(rental().HostConfig).toMatchObject({ CapDrop: ["ALL"] });
  for (const strong of ["SYS_ADMIN", "NET_ADMIN", "NET_RAW", "MKNOD", "SYS_PTRACE"])
    expect(rental().HostConfig?.CapAdd).not.toContain(strong);
  for (const { HostConfig } of [batch(), rental()]) {
    expect(HostConfig).toMatchObject({ SecurityOpt: ["no-new-privileges"], RestartPolicy: { Name: "no" } });
    for (const key of ["Privileged", "Binds", "Mounts", "PidMode"]) expect(HostConfig).not.toHaveProperty(key);
  }
});

test("a command takes the entrypoint's place in a batch execution; a rental begins with the entry script", () => {
  expect(batch()).toMatchObject({ Entrypoint: ["run"], Cmd: ["it"] });
  expect(batchContainer(batchSpec("i", []), IMAGE, docker)).not.toHaveProperty("Entrypoint");
  expect(rental({ command: ["secret"] })).toMatchObject({ Entrypoint: ["/bin/sh"], User: "0" });
});

test("no login to a registry gets into a container", () => {
  const registryLogin = { registry: "ghcr.io", username: "me", password: "s3cret" };
  expect(JSON.stringify(rental({ registryLogin }))).not.toContain("s3cret");
});

test("where an image names no folder, or the root, a program begins in /work", () => {
  expect(["", "/", "/app"].map((workingDir) => workingDirOf({ workingDir }))).toEqual(["/work", "/work", "/app"]);
});

test("an execution has one name, and limits are never more than the machine's own", () => {
  const { id } = batchSpec("i", []);
  expect(containerName(id)).toBe(`berth-${id.replace("_", "-")}`);
  const text =
    "Max processes             100                  200                  processes\nMax open files  10  20  files";
  expect(hardLimits(text)).toEqual({ openFiles: 20, processes: 200 });
  expect(hardLimits("")).toEqual({ openFiles: 1_048_576, processes: 32_768 });
});
