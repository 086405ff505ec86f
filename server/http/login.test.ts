import { generatePrivateKey, privateKeyToAccount } from "viem/accounts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { expectSound } from "../testing/sound.ts";
import { openWire, signLogin, type Wire } from "../testing/wire.ts";

let wire: Wire;
beforeAll(async () => {
  wire = await openWire();
});
afterAll(() => wire[Symbol.asyncDispose]());

const newWallet = () => privateKeyToAccount(generatePrivateKey());

async function nonceFor(address: string) {
  return (await wire.ask("/api/v1/auth/nonce", { json: { address } })).json;
}

test("a signed nonce is a session of 24 hours, and the first login of an account is granted its promotion once", async () => {
  const { token, account, wallet } = await wire.login();
  const billing = (await wire.ask("/api/v1/billing", { token })).json;
  expect(billing).toMatchObject({ account, available: "25.000000", available_promotion: "25.000000" });
  await wire.login(wallet);
  expect((await wire.ask("/api/v1/billing", { token })).json.available).toBe("25.000000");
  expect(await expectSound(wire.world.db)).toEqual([]);
});

test("ten first logins of one wallet at the same moment are granted one promotion", async () => {
  const wallet = newWallet();
  const [first] = await Promise.all(Array.from({ length: 10 }, () => wire.login(wallet)));
  expect((await wire.ask("/api/v1/billing", { token: first?.token ?? "" })).json.available).toBe("25.000000");
  expect(await expectSound(wire.world.db)).toEqual([]);
});

test("a nonce is used once, however many use it at the same moment", async () => {
  const wallet = newWallet();
  const { address, nonce, typed_data } = await nonceFor(wallet.address);
  const json = { address, nonce, signature: await signLogin(wallet, typed_data) };
  const answers = await Promise.all(Array.from({ length: 8 }, () => wire.ask("/api/v1/auth/login", { json })));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400, 400, 400, 400, 400]);
  expect((await wire.ask("/api/v1/auth/login", { json })).json.code).toBe("bad-nonce");
});

test("an expired nonce, another account's and an unknown one are refused alike", async () => {
  const [wallet, other] = [newWallet(), newWallet()];
  const { address, nonce, typed_data } = await nonceFor(wallet.address);
  const signature = await signLogin(wallet, typed_data);
  const stolen = await wire.ask("/api/v1/auth/login", { json: { address: other.address, nonce, signature } });
  expect(stolen.json).toMatchObject({ status: 400, code: "bad-nonce" });
  wire.world.pass(5 * 60_000);
  const late = await wire.ask("/api/v1/auth/login", { json: { address, nonce, signature } });
  expect(late.json).toMatchObject({ status: 400, code: "bad-nonce" });
  const unknown = await wire.ask("/api/v1/auth/login", { json: { address, nonce: "never-issued", signature } });
  expect(unknown.json.code).toBe("bad-nonce");
});

test("another wallet's signature, one for another origin and rubbish are refused, and leave the nonce usable", async () => {
  const wallet = newWallet();
  const { address, nonce, typed_data } = await nonceFor(wallet.address);
  const elsewhere = { ...typed_data, message: { ...typed_data.message, origin: "https://other.example" } };
  const signatures = [
    await signLogin(newWallet(), typed_data),
    await signLogin(wallet, elsewhere),
    "0x00",
    `0x${"11".repeat(65)}`,
  ];
  for (const signature of signatures) {
    const refused = await wire.ask("/api/v1/auth/login", { json: { address, nonce, signature } });
    expect(refused.json).toMatchObject({ status: 401, code: "bad-signature" });
    expect(refused.headers["www-authenticate"]).toContain("Bearer");
  }
  const json = { address, nonce, signature: await signLogin(wallet, typed_data) };
  expect((await wire.ask("/api/v1/auth/login", { json })).status).toBe(200);
});

test("a session ends by logging out, and after 24 hours by itself", async () => {
  const [first, second] = [await wire.login(), await wire.login()];
  expect((await wire.ask("/api/v1/auth/session", { method: "DELETE", token: first.token })).status).toBe(204);
  const gone = await wire.ask("/api/v1/jobs", { token: first.token });
  expect(gone.json).toMatchObject({ status: 401, code: "unauthenticated" });
  expect((await wire.ask("/api/v1/jobs", { token: second.token })).status).toBe(200);
  wire.world.pass(24 * 3_600_000);
  expect((await wire.ask("/api/v1/jobs", { token: second.token })).status).toBe(401);
});

test("an API key does what its scopes say, is shown once, and is gone when revoked", async () => {
  const { token } = await wire.login();
  const made = await wire.ask("/api/v1/api-keys", { token, json: { name: "ci", scopes: ["read"] } });
  expect(made.status).toBe(201);
  expect(made.headers["cache-control"]).toBe("no-store");
  const { key, api_key } = made.json;
  expect((await wire.ask("/api/v1/jobs", { token: key })).status).toBe(200);
  expect((await wire.ask("/api/v1/api-keys", { token: key })).json).toMatchObject({
    status: 403,
    code: "missing-scope",
  });
  const rent = await wire.ask("/api/v1/jobs", { token: key, json: {} });
  expect(rent.json).toMatchObject({ status: 403, code: "missing-scope" });
  const listed = await wire.ask("/api/v1/api-keys", { token });
  expect(listed.json.api_keys).toMatchObject([{ id: api_key.id, last_used_at: expect.any(String) }]);
  expect(listed.text).not.toContain(key);
  expect(
    (await wire.ask(`/api/v1/api-keys/${api_key.id}`, { method: "DELETE", token: (await wire.login()).token })).status,
  ).toBe(404);
  expect((await wire.ask(`/api/v1/api-keys/${api_key.id}`, { method: "DELETE", token })).status).toBe(204);
  expect((await wire.ask(`/api/v1/api-keys/${api_key.id}`, { method: "DELETE", token })).status).toBe(404);
  expect((await wire.ask("/api/v1/jobs", { token: key })).status).toBe(401);
});

test("the use of an API key is noted at most once a minute", async () => {
  const { token } = await wire.login();
  const { key } = (await wire.ask("/api/v1/api-keys", { token, json: { name: "n", scopes: ["read"] } })).json;
  const used = async () => {
    await wire.ask("/api/v1/jobs", { token: key });
    return (await wire.ask("/api/v1/api-keys", { token })).json.api_keys[0].last_used_at;
  };
  const first = await used();
  wire.world.pass(59_000);
  expect(await used()).toBe(first);
  wire.world.pass(2_000);
  expect(await used()).not.toBe(first);
});

test("an account has at most fifty keys of each kind, also when they come at once", async () => {
  const { token } = await wire.login();
  const made = await Promise.all(
    Array.from({ length: 53 }, (_, n) =>
      wire.ask("/api/v1/api-keys", { token, json: { name: `k${n}`, scopes: ["read"] } }),
    ),
  );
  expect(made.filter(({ status }) => status === 201)).toHaveLength(50);
  expect(made.find(({ status }) => status === 422)?.json.code).toBe("limit-reached");
});

const SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsABgH5C9okWi0dh2l9GKJl me@home";

test("an SSH key is taken once, with a key twice the same answer, and another's is not found", async () => {
  const { token } = await wire.login();
  const headers = { "idempotency-key": "add-1" };
  const json = { name: "laptop", public_key: SSH_KEY };
  const [first, again] = [
    await wire.ask("/api/v1/ssh-keys", { token, json, headers }),
    await wire.ask("/api/v1/ssh-keys", { token, json, headers }),
  ];
  expect(first.status).toBe(201);
  expect(again.json).toEqual(first.json);
  const other = await wire.ask("/api/v1/ssh-keys", { token, json: { ...json, name: "x" }, headers });
  expect(other.json).toMatchObject({ status: 422, code: "idempotency-mismatch" });
  expect((await wire.ask("/api/v1/ssh-keys", { token, json })).json).toMatchObject({ status: 409, code: "conflict" });
  const malformed = await wire.ask("/api/v1/ssh-keys", {
    token,
    json: { name: "bad", public_key: "ssh-ed25519 AAAA" },
  });
  expect(malformed.json).toMatchObject({ status: 400, fields: [{ field: "public_key" }] });
  const path = `/api/v1/ssh-keys/${first.json.id}`;
  expect((await wire.ask(path, { method: "DELETE", token: (await wire.login()).token })).status).toBe(404);
  expect((await wire.ask(path, { method: "DELETE", token })).status).toBe(204);
  expect((await wire.ask("/api/v1/ssh-keys", { token })).json).toEqual({ ssh_keys: [], count: 0, next_cursor: null });
});
