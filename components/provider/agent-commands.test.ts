import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { agentCommands, shellWord } from "./agent-commands.ts";

const broker = { url: "https://berth.example", demo: false, hasCluster: true, servesAgent: true };
const wish = { runtime: "process", name: "", region: "", host: "", pricePerGpuHour: "0.4" } as const;

test("whatever is typed stays one word of the shell", () => {
  const word = fc.string({ minLength: 1, maxLength: 40 }).filter((text) => !text.includes("\0"));
  fc.assert(
    fc.property(word, (text) => {
      const said = execFileSync("sh", ["-c", `printf '%s|' ${shellWord(text)}`], { encoding: "utf8" });
      expect(said).toBe(`${text}|`);
    }),
    { numRuns: 40 },
  );
});

test("what was left empty is left to the agent, and a price has its six places", () => {
  const { enrol, install } = agentCommands(wish, broker, "tok_1");
  expect(enrol).toBe(
    "sudo node dist/agent.mjs enrol --broker https://berth.example --token tok_1 --price-per-gpu-hour 0.400000 --runtime process",
  );
  expect(install).toBe("sudo node dist/agent.mjs install");
});

test.each(["docker", "kubernetes"] as const)("a machine with %s needs one file, fetched from the broker", (runtime) => {
  const { get, enrol, install } = agentCommands({ ...wish, runtime }, broker, "tok_1");
  expect(get).toEqual(["curl -fsSLo berth-agent.mjs https://berth.example/berth-agent.mjs"]);
  expect(enrol).toMatch(new RegExp(`^sudo node berth-agent\\.mjs enrol .* --runtime ${runtime}$`));
  expect(install).toBe("sudo node berth-agent.mjs install");
});

test("where the broker serves no agent, the checkout's is used", () => {
  const { get, enrol } = agentCommands({ ...wish, runtime: "kubernetes" }, { ...broker, servesAgent: false }, "t");
  expect(get).toEqual(["npm ci && npm run build"]);
  expect(enrol).toMatch(/^sudo node dist\/agent\.mjs enrol/);
});
