// Every list of the wire, found by its own query: a place in one is no place in another.
import { privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { OPERATION_NAMES, type OperationName, operations, pathOf } from "../../protocol/operations.ts";
import { idCursors, numberCursors } from "../repos/cursor.ts";
import { openWire, type Wire } from "../testing/wire.ts";

const KEY = `0x${"7".repeat(64)}` as const;
const wallet = privateKeyToAccount(KEY);

let wire: Wire;
let token: string;
let ids: Record<string, string>;

beforeAll(async () => {
  wire = await openWire({ settings: { operators: [wallet.address.toLowerCase()] } });
  ({ token } = await wire.login(wallet));
  const provider = await wire.world.provider({ gpus: 1 });
  const json = {
    ...{ kind: "rental", gpu_type: "NVIDIA GeForce RTX 4090", duration_hours: 1 },
    ssh_public_key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsABgH5C9okWi0dh2l9GKJl me@home",
  };
  const { json: job } = await wire.ask("/api/v1/jobs", { token, json });
  ids = { providers: provider, jobs: job.id };
});
afterAll(() => wire[Symbol.asyncDispose]());

const LISTS = OPERATION_NAMES.filter((name) => {
  const { method, query } = operations[name];
  return method === "GET" && query instanceof z.ZodObject && "cursor" in query.shape;
});

function addressOf(name: OperationName): string {
  const path = pathOf(name);
  const kind = path.split("/").find((part) => part in ids) ?? "";
  return path.replace(":id", ids[kind] ?? "");
}

test("a cursor of another list is the caller's mistake, in every list, and the answer names the field", async () => {
  const wrong = [
    idCursors("another", "prov").page([ids.providers, ""], 1, String),
    idCursors("another", "job").page([ids.jobs, ""], 1, String),
    numberCursors("another").page([7, 6], 1, Number),
  ].map(({ next_cursor: cursor }) => cursor);
  expect(LISTS.length).toBeGreaterThan(10);
  for (const name of LISTS) {
    const address = addressOf(name);
    expect((await wire.ask(address, { token })).status, address).toBe(200);
    for (const cursor of [...wrong, "bm9uc2Vuc2U"]) {
      const answer = await wire.ask(`${address}?cursor=${cursor}`, { token });
      expect([name, answer.status, answer.json.code, answer.json.fields]).toEqual([
        ...[name, 400, "bad-request"],
        [{ field: "cursor", message: "a next_cursor from an earlier reply" }],
      ]);
    }
  }
});
