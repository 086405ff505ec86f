// The guide is true: every command of it, in its order, against the running demo.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "@playwright/test";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

test("renting with curl goes as the guide says, and its bill is rate × seconds", async ({ baseURL }) => {
  const guide = await readFile(`${ROOT}docs/guides/rent-with-curl.md`, "utf8");
  const [start, ...blocks] = [...guide.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block ?? "");
  expect(start).toContain("npm run up"); // which runs already
  // A key of an earlier try belongs to that try's request.
  const script = blocks
    .join("\n")
    .replaceAll("http://127.0.0.1:8080", baseURL ?? "")
    .replaceAll("idempotency-key: ", `idempotency-key: ${Date.now()}-`);
  const { code, output } = await bash(`set -euo pipefail\n${script}\ncat job.json entries.json`);
  expect(output).toContain("= rate × seconds");
  expect(output).toMatch(/exec-[0-9a-z]{26}|GPU/); // the host name of the sandbox, or what nvidia-smi says
  expect(output).toContain('"status":"stopped"');
  expect(output).toContain('"kind":"release"');
  expect(code).toBe(0);
});

function bash(script: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("bash", ["-c", script], { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const take = (chunk: Buffer) => {
      output += chunk;
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}
