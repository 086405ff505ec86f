import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openWire, type Wire } from "../testing/wire.ts";
import { loginForImage } from "../usecases/account/registry-logins.ts";

let wire: Wire;
beforeAll(async () => {
  wire = await openWire();
});
afterAll(() => wire[Symbol.asyncDispose]());

const PATH = "/api/v1/registry-logins";
const LOGIN = { registry: "ghcr.io", username: "me", password: "s3cret-of-a-registry" };

test("a login is kept sealed, never shown again, and found for images of its registry and its account only", async () => {
  const { token, account } = await wire.login();
  const added = await wire.ask(PATH, { token, json: LOGIN });
  expect(added.status).toBe(201);
  expect(added.json).toMatchObject({ registry: "ghcr.io", username: "me" });
  const listed = await wire.ask(PATH, { token });
  expect(listed.json).toMatchObject({ count: 1, registry_logins: [{ id: added.json.id }] });
  expect(added.text + listed.text).not.toContain(LOGIN.password);

  expect(await loginForImage(wire.deps, account, "ghcr.io/me/private:1")).toEqual(LOGIN);
  expect(await loginForImage(wire.deps, account, "me/private:1")).toBeNull();
  const other = await wire.login();
  expect(await loginForImage(wire.deps, other.account, "ghcr.io/me/private:1")).toBeNull();
  const rows = await wire.world.db.execute(sql`select * from registry_logins, idempotency`);
  expect(JSON.stringify(rows)).not.toContain(LOGIN.password);
});

test("one login a registry: another is refused until the first is removed, and twins with one key add one", async () => {
  const { token } = await wire.login();
  const twins = await Promise.all(
    Array.from({ length: 8 }, () => wire.ask(PATH, { token, json: LOGIN, headers: { "idempotency-key": "twins" } })),
  );
  expect(new Set(twins.map(({ status, json }) => `${status} ${json.id}`)).size).toBe(1);
  const again = await wire.ask(PATH, { token, json: { ...LOGIN, username: "another" } });
  expect(again.json).toMatchObject({ status: 409, code: "conflict" });
  expect((await wire.ask(`${PATH}/${twins[0]?.json.id}`, { token, method: "DELETE" })).status).toBe(204);
  expect((await wire.ask(PATH, { token, json: { ...LOGIN, username: "another" } })).status).toBe(201);
});

test("a stranger's login is not found", async () => {
  const [mine, other] = [await wire.login(), await wire.login()];
  const { id } = (await wire.ask(PATH, { token: mine.token, json: LOGIN })).json;
  expect((await wire.ask(`${PATH}/${id}`, { token: other.token, method: "DELETE" })).status).toBe(404);
  expect((await wire.ask(PATH, { token: mine.token })).json.count).toBe(1);
});

test("a registry is a host as images name it: a URL, a path and a bare word are refused by the field's name", async () => {
  const { token } = await wire.login();
  for (const registry of ["https://ghcr.io", "ghcr.io/me", "registry", "GHCR.io", "ghcr.io:port", ""]) {
    const refused = await wire.ask(PATH, { token, json: { ...LOGIN, registry } });
    expect(refused.json).toMatchObject({ status: 400, fields: [{ field: "registry" }] });
  }
  expect((await wire.ask(PATH, { token, json: { ...LOGIN, registry: "localhost:5000" } })).status).toBe(201);
});

test("an account has at most 20", async () => {
  const { token } = await wire.login();
  const add = (n: number) => wire.ask(PATH, { token, json: { ...LOGIN, registry: `r${n}.example` } });
  for (let n = 0; n < 20; n++) expect((await add(n)).status).toBe(201);
  expect((await add(20)).json).toMatchObject({ status: 422, code: "limit-reached" });
});
