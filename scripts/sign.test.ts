import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { recoverTypedDataAddress } from "viem";
import { privateKeyToAccount } from "viem/accounts";
import { expect, test } from "vitest";
import { DEMO_WALLET_KEY } from "../domain/demo.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

function sign(args: readonly string[], input = "") {
  return spawnSync(process.execPath, ["--import", "tsx", "scripts/sign.ts", ...args], {
    cwd: ROOT,
    input,
    encoding: "utf8",
  });
}

const LOGIN = {
  domain: { name: "Berth", version: "1" },
  types: {
    EIP712Domain: [
      { name: "name", type: "string" },
      { name: "version", type: "string" },
    ],
    Login: [
      { name: "origin", type: "string" },
      { name: "issuedAt", type: "uint256" },
    ],
  },
  primaryType: "Login",
  message: { origin: "http://127.0.0.1:8080", issuedAt: "1700000000" },
} as const;

test("the signature of typed data as the wire sends it recovers the demo wallet, and is all that is printed", async () => {
  const { stdout, status } = sign(["-"], JSON.stringify(LOGIN));
  expect(status).toBe(0);
  const signature = stdout.trim();
  if (!/^0x[0-9a-f]{130}$/.test(signature)) throw new Error(stdout);
  const message = { ...LOGIN.message, issuedAt: BigInt(LOGIN.message.issuedAt) };
  expect(await recoverTypedDataAddress({ ...LOGIN, message, signature: `0x${signature.slice(2)}` })).toBe(
    privateKeyToAccount(DEMO_WALLET_KEY).address,
  );
});

test("--address prints the demo wallet's address", () => {
  expect(sign(["--address"]).stdout).toBe(`${privateKeyToAccount(DEMO_WALLET_KEY).address}\n`);
});

test.each([
  [["-"], "not json", 1],
  [["-"], '{"message": {}}', 1],
  [["/nowhere.json"], "", 1],
  [[], "", 2],
  [["--adress"], "", 2],
])("%j with %j prints no signature and says why", (args, input, code) => {
  const { stdout, stderr, status } = sign(args, input);
  expect([stdout, status]).toEqual(["", code]);
  expect(stderr).not.toBe("");
});
