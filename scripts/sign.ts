// Signs EIP-712 typed data with the demo wallet, for people who follow the guides with curl.
import { readFileSync } from "node:fs";
import { privateKeyToAccount } from "viem/accounts";
import { DEMO_WALLET_KEY } from "../domain/demo.ts";
import { signTypedData } from "./up/demo-providers.ts";

const USAGE = `Usage: npm run -s sign -- typed-data.json   print the demo wallet's signature of the typed data
       npm run -s sign -- -                 the same, read from standard input
       npm run -s sign -- --address         print the demo wallet's address
`;

async function main([what, ...more]: readonly string[]): Promise<number> {
  if (what === undefined || more.length > 0 || (what.startsWith("-") && !["-", "--address"].includes(what))) {
    process.stderr.write(USAGE);
    return 2;
  }
  if (what === "--address") {
    process.stdout.write(`${privateKeyToAccount(DEMO_WALLET_KEY).address}\n`);
    return 0;
  }
  try {
    const typedData: unknown = JSON.parse(readFileSync(what === "-" ? 0 : what, "utf8"));
    process.stdout.write(`${await signTypedData(DEMO_WALLET_KEY, typedData)}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`This cannot be signed: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

process.exitCode = await main(process.argv.slice(2));
