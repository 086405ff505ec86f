// What nvidia-smi really prints, on machines good and bad.
import { expect, test } from "vitest";
import { GpuReport } from "../protocol/agent.ts";
import { parseDeclaredGpus } from "./config.ts";
import { declaredGpus, detectMachine, parseNvidiaSmi, parseOsName } from "./detect.ts";
import { parseGpuUsage } from "./usage.ts";

const UUID = "GPU-5a1c2f0e-7a4b-6d1c-9c53-0d6a6c9f8b11";
const OTHER = "GPU-0b8a1e52-44f7-a2f9-1c0d-93c7d7f1a200";

test("several cards are read in the driver's order", () => {
  const text = `0, NVIDIA H100 80GB HBM3, ${UUID}, 81559, 535.129.03, 00000000:19:00.0\n1, NVIDIA H100 80GB HBM3, ${OTHER}, 81559, 535.129.03, 00000000:3B:00.0\n`;
  expect(parseNvidiaSmi(text)).toEqual([
    {
      index: 0,
      model: "NVIDIA H100 80GB HBM3",
      uuid: UUID,
      vram_mb: 81559,
      driver: "535.129.03",
      pci_bus: "00000000:19:00.0",
      declared: false,
    },
    {
      index: 1,
      model: "NVIDIA H100 80GB HBM3",
      uuid: OTHER,
      vram_mb: 81559,
      driver: "535.129.03",
      pci_bus: "00000000:3B:00.0",
      declared: false,
    },
  ]);
});

test("a driver that fails or finds nothing is no GPU", () => {
  for (const text of [
    "",
    "No devices were found\n",
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.\n",
    "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.54\n",
    'Field "pci.bus_id" is not a valid field to query.\n',
    "Unable to determine the device handle for GPU 0000:01:00.0: Unknown Error\n",
  ]) {
    expect(parseNvidiaSmi(text), text).toEqual([]);
  }
});

test("a card without known memory is left out, one without driver or bus is not", () => {
  const text = `0, NVIDIA GB10, ${UUID}, [N/A], 580.95.05, 0000000F:01:00.0\n1, Tesla T4, ${OTHER}, 15360, [N/A], [Not Supported]\n2, NVIDIA A10, [Unknown Error], 24564, 535.1, 0:0\n`;
  expect(parseNvidiaSmi(text)).toEqual([{ index: 1, model: "Tesla T4", uuid: OTHER, vram_mb: 15360, declared: false }]);
});

test("an odd name is kept whole, and cut where the wire ends", () => {
  const odd = parseNvidiaSmi(
    `0, Quadro RTX 6000, passive/active (rev. B), ${UUID}, 24576, 470.82.01, 00000000:AF:00.0\r\n`,
  );
  expect(odd[0]?.model).toBe("Quadro RTX 6000, passive/active (rev. B)");
  const long = parseNvidiaSmi(`0, ${"N".repeat(200)}, ${UUID}, 1, 1, 1\n`);
  expect(GpuReport.safeParse(long[0]).success).toBe(true);
});

test("declared GPUs are marked so and keep their UUIDs over restarts, apart from other machines'", () => {
  const declared = parseDeclaredGpus("2x NVIDIA GeForce RTX 4090:24576, NVIDIA L4:23034");
  const gpus = declaredGpus(declared, "seed");
  expect(gpus.map(({ index, model, vram_mb, declared: said }) => [index, model, vram_mb, said])).toEqual([
    [0, "NVIDIA GeForce RTX 4090", 24576, true],
    [1, "NVIDIA GeForce RTX 4090", 24576, true],
    [2, "NVIDIA L4", 23034, true],
  ]);
  for (const gpu of gpus) expect(gpu.uuid).toMatch(/^GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  expect(declaredGpus(declared, "seed")).toEqual(gpus);
  expect(new Set([...gpus, ...declaredGpus(declared, "other")].map((gpu) => gpu.uuid)).size).toBe(6);
});

test("a declaration that cannot be read is refused, never guessed", () => {
  for (const text of ["4x RTX 4090", "0x RTX 4090:24576", "RTX:many", "4x :24576", "65x RTX:1"]) {
    expect(() => parseDeclaredGpus(text), text).toThrow(text);
  }
});

test("usage keeps what was measured and drops the rest", () => {
  const text = `${UUID}, 37, 1024\n${OTHER}, [N/A], 12\nGPU-third, , \nnonsense\n`;
  expect(parseGpuUsage(text)).toEqual([{ uuid: UUID, utilization_percent: 37, memory_used_mb: 1024 }]);
});

test("the system's name is read with and without quotes", () => {
  expect(parseOsName('NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')).toBe(
    "Debian GNU/Linux 12 (bookworm)",
  );
  expect(parseOsName("PRETTY_NAME=Alpine\n")).toBe("Alpine");
  expect(parseOsName("NAME=x\n")).toBeUndefined();
});

test("what is declared about the machine wins over what is found", async () => {
  const config = {
    ...{
      broker: "http://127.0.0.1:1",
      name: "a",
      region: "b",
      host: "c",
      runtime: "process" as const,
      join: "manual" as const,
    },
    ...{ price_per_gpu_hour: "1.000000", price_per_cpu_hour: "1.000000", declared_gpus: parseDeclaredGpus("1x L4:1") },
    ...{ declared_cpus: 3, declared_memory_gb: 2, declared_disk_gb: 7 },
  };
  expect(await detectMachine(config, "/", { seed: "seed", sandboxed: true })).toMatchObject({
    cpu_cores: 3,
    memory_mb: 2048,
    disk_gb: 7,
  });
});
