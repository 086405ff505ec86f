// One YAML file: what is written is read, what people change stays theirs, what cannot be taken is named.
import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  ConfigError,
  editConfig,
  parseConfig,
  readConfig,
  renderConfig,
  resolveConfig,
  writeConfig,
} from "./config.ts";
import { resolvePaths, SYSTEM_CONFIG, SYSTEM_DATA } from "./paths.ts";

const CONFIG = resolveConfig(
  {
    ...{ broker: "https://berth.example", name: "rig-1", host: "203.0.113.7", price_per_gpu_hour: "0.4" },
    ...{ declared_gpus: [{ count: 2, model: 'A "B": #C', vram_mb: 5 }], declared_cpus: 8 },
  },
  undefined,
  "x",
);

function newPlace() {
  const dataDir = mkdtempSync(join(tmpdir(), "berth-config-"));
  return { dataDir, config: join(dataDir, "agent.yaml") };
}

test("what is written is what is read, and only root may read it", async () => {
  const place = newPlace();
  await writeConfig(place, CONFIG);
  expect(await readConfig(place)).toEqual(CONFIG);
  expect(statSync(place.config).mode & 0o777).toBe(0o600);
  expect(readFileSync(place.config, "utf8")).toContain("# The broker this machine serves.");
});

test("people write prices as they speak: 0.4 and 1 are read", () => {
  expect(parseConfig("price_per_gpu_hour: 0.4\nprice_per_cpu_hour: '1'\n", "f")).toEqual({
    price_per_gpu_hour: "0.400000",
    price_per_cpu_hour: "1.000000",
  });
});

test("an unknown setting is refused by its name, a wrong value by its field, and broken YAML by its line", () => {
  expect(() => parseConfig("brokr: https://x\n", "/etc/berth/agent.yaml")).toThrow(
    "/etc/berth/agent.yaml: brokr: is not known here",
  );
  expect(() => parseConfig("declared_gpus:\n  - {count: 1, model: x, vram_mb: 1, colour: red}\n", "f")).toThrow(
    "declared_gpus.0.colour: is not known here",
  );
  expect(() => parseConfig("broker: ftp://x\n", "f")).toThrow("broker: the address of a broker");
  expect(() => parseConfig("price_per_gpu_hour: cheap\n", "f")).toThrow("price_per_gpu_hour");
  expect(() => parseConfig("runtime: lxc\ndeclared_cpus: many\n", "f")).toThrow(
    /^f: runtime: process, .*; declared_cpus: a number\. Settings are/,
  );
  expect(() => parseConfig("a: [1\n", "f")).toThrow(/f is not YAML.*line/s);
  expect(() => parseConfig("- a\n", "f")).toThrow(ConfigError);
});

test("a change touches its line only: comments and order stay", () => {
  const text = `# mine\nbroker: https://old.example # moved in May\nhost: 203.0.113.7\n\n# the rest\nname: rig-1\n`;
  const edited = editConfig(
    text,
    resolveConfig({ broker: "https://new.example", price_per_gpu_hour: "1" }, parseConfig(text, "f"), "x"),
  );
  expect(edited).toContain(
    "# mine\nbroker: https://new.example # moved in May\nhost: 203.0.113.7\n\n# the rest\nname: rig-1\n",
  );
  expect(editConfig(edited, resolveConfig({}, parseConfig(edited, "f"), "x"))).toBe(edited);
  expect(editConfig(renderConfig(CONFIG), CONFIG)).toBe(renderConfig(CONFIG));
});

test("the agent.json of an earlier version is taken over, once", async () => {
  const place = newPlace();
  const { join: _since, ...old } = CONFIG;
  writeFileSync(join(place.dataDir, "agent.json"), JSON.stringify(old));
  const stored = await readConfig(place);
  expect(stored).toEqual(old);
  await writeConfig(place, resolveConfig({}, stored, "x"));
  expect(existsSync(join(place.dataDir, "agent.json"))).toBe(false);
  expect(await readConfig(place)).toEqual(CONFIG);
});

test("what is needed and nowhere given, and each value that cannot be, is told by its flag", () => {
  expect(() => resolveConfig({ broker: "https://x.example" }, undefined, "x")).toThrow(
    "--price-per-gpu-hour: is needed",
  );
  expect(() => resolveConfig({ price_per_gpu_hour: "cheap", declared_cpus: 0 }, undefined, "x")).toThrow(
    /^--broker: is needed; --price-per-gpu-hour: .*; --declare-cpus: .*$/,
  );
});

test("a directory that is given holds everything; a service has the system's places", () => {
  expect(resolvePaths({ dataDir: "/d" })).toEqual({ dataDir: "/d", config: "/d/agent.yaml" });
  expect(resolvePaths({ dataDir: "/d", config: "/e/f.yaml" })).toEqual({ dataDir: "/d", config: "/e/f.yaml" });
  expect(resolvePaths({}, true)).toEqual({ dataDir: SYSTEM_DATA, config: SYSTEM_CONFIG });
});
