// What nvidia-smi really prints, on machines good and bad.
import { expect, test } from "vitest";
import { GpuReport, MachineReport } from "../protocol/agent.ts";
import { parseDeclaredGpus } from "./config.ts";
import {
  type AskDriver,
  addressesOf,
  declaredGpus,
  detectGpus,
  detectMachine,
  type Machine,
  parseNvidiaSmi,
  parseOsName,
} from "./detect.ts";
import { describeChanges, watchMachine } from "./machine-watch.ts";
import { createUsageMeter, parseGpuUsage } from "./usage.ts";

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

/** nvidia-smi of a machine: what it prints for its columns (those with MIG's mode), and for -L. */
const driver =
  (withMig: string, listing = "", plain = ""): AskDriver =>
  async (args) => {
    if (args[0] === "-L") return listing;
    return args[0]?.includes("mig.mode.current") ? withMig : plain;
  };

const MIG_LISTING = `GPU 0: NVIDIA A100-SXM4-40GB (UUID: ${UUID})
  MIG 3g.20gb     Device  0: (UUID: MIG-2f1c7f5e-1b0b-5c3f-8b8e-6f8f1d6f0c11)
  MIG 1g.5gb+me   Device  1: (UUID: MIG-8c5b1a52-9f4e-5b7d-a2a5-0d5c2c4f7a10)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: ${OTHER})
`;

test("a card in MIG mode counts as its devices, its neighbour as itself", async () => {
  const cards = `0, Enabled, NVIDIA A100-SXM4-40GB, ${UUID}, 40960, 535.54.03, 00000000:07:00.0\n1, Disabled, NVIDIA A100-SXM4-40GB, ${OTHER}, 40960, 535.54.03, 00000000:0B:00.0\n`;
  const gpus = (await detectGpus(driver(cards, MIG_LISTING))) ?? [];
  expect(gpus.map(({ model, uuid, vram_mb }) => [model, uuid, vram_mb])).toEqual([
    ["NVIDIA A100-SXM4-40GB MIG 3g.20gb", "MIG-2f1c7f5e-1b0b-5c3f-8b8e-6f8f1d6f0c11", 19_073],
    ["NVIDIA A100-SXM4-40GB MIG 1g.5gb+me", "MIG-8c5b1a52-9f4e-5b7d-a2a5-0d5c2c4f7a10", 4768],
    ["NVIDIA A100-SXM4-40GB", OTHER, 40_960],
  ]);
  for (const gpu of gpus) expect(GpuReport.safeParse(gpu).success, gpu.uuid).toBe(true);
});

test("a card in MIG mode without devices can run nothing, and is not offered", async () => {
  const card = `0, Enabled, NVIDIA H100 80GB HBM3, ${UUID}, 81559, 550.54.15, 00000000:19:00.0\n`;
  expect(await detectGpus(driver(card, `GPU 0: NVIDIA H100 80GB HBM3 (UUID: ${UUID})\n`))).toEqual([]);
});

test("MIG devices of drivers before 470 have their long names", () => {
  const card = `0, Enabled, A100-SXM4-40GB, ${UUID}, 40537, 450.80.02, 00000000:07:00.0\n`;
  const listing = `GPU 0: A100-SXM4-40GB (UUID: ${UUID})\n  MIG 2g.10gb Device 0: (UUID: MIG-${UUID}/3/0)\n`;
  expect(parseNvidiaSmi(card, true, listing)[0]).toMatchObject({ uuid: `MIG-${UUID}/3/0`, vram_mb: 9536 });
});

test("a driver too old to know MIG is asked without it, and units it writes are read over", async () => {
  const invalid = 'Field "mig.mode.current" is not a valid field to query.\n\n';
  const plain = `0, Tesla K80, ${UUID}, 11441 MiB, 418.226.00, 00000000:00:1E.0\n`;
  expect(await detectGpus(driver(invalid, "", plain))).toMatchObject([
    { model: "Tesla K80", vram_mb: 11_441, driver: "418.226.00" },
  ]);
});

test("consumer cards say that they know no MIG, and are whole", async () => {
  const cards = `0, [N/A], NVIDIA GeForce RTX 4090, ${UUID}, 24564, 545.23.08, 00000000:01:00.0\n1, [Not Supported], Quadro® RTX 8000, Max-Q, ${OTHER}, 46080, 545.23.08, 00000000:02:00.0\n`;
  const gpus = await detectGpus(driver(cards));
  expect(gpus?.map(({ model }) => model)).toEqual(["NVIDIA GeForce RTX 4090", "Quadro® RTX 8000, Max-Q"]);
});

test("a card that fell off the bus is left out and the rest stay, whatever else is printed", async () => {
  const cards = `0, [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost], [GPU is lost]
1, [N/A], NVIDIA GeForce RTX 3090, ${OTHER}, [GPU requires reset], 550.90.07, 00000000:41:00.0
2, [N/A], NVIDIA GeForce RTX 3090, ${UUID}, 24576, ERR!, 00000000:61:00.0
Unable to determine the device handle for GPU0000:01:00.0: Unknown Error
2, [N/A], NVIDIA GeForce RTX 3090, ${UUID}, 24576, ERR!, 00000000:61:00.0
`;
  expect(await detectGpus(driver(cards))).toEqual([
    {
      index: 2,
      model: "NVIDIA GeForce RTX 3090",
      uuid: UUID,
      vram_mb: 24_576,
      pci_bus: "00000000:61:00.0",
      declared: false,
    },
  ]);
});

const CONFIG = {
  ...{
    broker: "http://127.0.0.1:1",
    name: "a",
    region: "b",
    host: "c",
    runtime: "process" as const,
    join: "manual" as const,
  },
  ...{ price_per_gpu_hour: "1.000000", price_per_cpu_hour: "1.000000", declared_gpus: [] },
};
const GIVEN = { seed: "seed", sandboxed: true };
const CARD = `0, [N/A], NVIDIA L4, ${UUID}, 23034, 550.1, 00000000:01:00.0\n`;

test("a driver that hangs loses no GPU; one that answers without it does", async () => {
  const before = await detectMachine(CONFIG, "/", GIVEN, undefined, driver(CARD));
  expect(before.gpus).toHaveLength(1);
  const during = await detectMachine(CONFIG, "/", GIVEN, before, async () => undefined);
  expect(during).toEqual(before);
  const after = await detectMachine(CONFIG, "/", GIVEN, before, driver("No devices were found\n"));
  expect(after.gpus).toEqual([]);
  expect(describeChanges(before, after)).toEqual([`lost NVIDIA L4 ${UUID}`]);
});

test("what the machine reports is what the wire takes, kernel and addresses included", async () => {
  const machine = await detectMachine(CONFIG, "/", GIVEN, undefined, driver(CARD));
  expect(MachineReport.parse(machine).kernel).toMatch(/^\d+\./);
});

test("a driver that was updated is a change, a look that fails is none", async () => {
  let look: () => Promise<Machine> = () => detectMachine(CONFIG, "/", GIVEN, undefined, driver(CARD));
  const said: unknown[] = [];
  const log = { info() {}, warn: (fields: unknown) => void said.push(fields), error() {} };
  let changes = 0;
  const watched = await watchMachine(() => look(), log, 60_000);
  watched.onChange(() => changes++);
  await watched.look();
  look = () => Promise.reject(new Error("no disk"));
  await watched.look();
  expect(changes).toBe(0);
  look = () => detectMachine(CONFIG, "/", GIVEN, undefined, driver(CARD.replace("550.1", "550.2")));
  await watched.look();
  watched.close();
  expect(changes).toBe(1);
  expect(said).toEqual([{ changes: ["driver 550.1 is now 550.2"] }]);
  expect(watched.current().gpus[0]?.driver).toBe("550.2");
});

test("addresses are those others may know the machine by", () => {
  const address = (text: string, internal = false) => ({
    ...{ address: text, internal, netmask: "", mac: "", cidr: null },
    ...(text.includes(":") ? { family: "IPv6" as const, scopeid: 0 } : { family: "IPv4" as const }),
  });
  const interfaces = {
    lo: [address("127.0.0.1", true), address("::1", true)],
    eth0: [address("203.0.113.7"), address("2001:db8::7"), address("fe80::1"), address("169.254.9.9")],
    eth1: [address("10.0.0.7"), address("203.0.113.7")],
  };
  expect(addressesOf(interfaces)).toEqual(["10.0.0.7", "2001:db8::7", "203.0.113.7"]);
});

test("usage is told of the GPUs there are now, and a driver that fails or hangs holds up no beat", async () => {
  const [gpu] = parseNvidiaSmi(CARD, true);
  let gpus = gpu ? [gpu] : [];
  let answer: Promise<string | undefined> = Promise.resolve(`${UUID}, 37, 1024\n${OTHER}, 1, 1\n`);
  expect(
    (
      await createUsageMeter(
        () => gpus,
        () => answer,
      )()
    ).gpus,
  ).toMatchObject([{ uuid: UUID }]);
  answer = Promise.reject(new Error("gone"));
  expect(
    (
      await createUsageMeter(
        () => gpus,
        () => answer,
      )()
    ).gpus,
  ).toEqual([]);
  answer = new Promise(() => {});
  expect(
    (
      await createUsageMeter(
        () => gpus,
        () => answer,
      )()
    ).gpus,
  ).toEqual([]);
  gpus = [];
  const asked: unknown[] = [];
  await createUsageMeter(
    () => gpus,
    async (args) => void asked.push(args),
  )();
  expect(asked).toEqual([]);
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
