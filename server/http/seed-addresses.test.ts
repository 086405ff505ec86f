// Where third-party workers call from, and who counts as one owner for it, over real HTTP behind a trusted proxy.
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isId, type ProviderId } from "../../domain/ids.ts";
import { providers } from "../../drizzle/schema/provider.ts";
import { openWire, type Wire } from "../testing/wire.ts";
import { groupsNow } from "../usecases/batch/owner-groups.ts";

let wire: Wire;
let plain: Wire;
beforeAll(async () => {
  wire = await openWire({ trustedProxies: ["127.0.0.0/8"], settings: { demo: false } });
  plain = await openWire({ settings: { demo: false } });
});
afterAll(() => Promise.all([wire[Symbol.asyncDispose](), plain[Symbol.asyncDispose]()]));

/** A worker of a wallet of its own. */
async function worker(on: Wire, id: string) {
  const { token } = await on.login();
  const post = (path: string, from: string, json: unknown) =>
    on.ask(`/api/v1/nodes/${path}`, { token, json, headers: { "x-forwarded-for": from } });
  return {
    register: async (from: string): Promise<ProviderId> => {
      const node = (await post("register", from, { id, name: id, cpu_cores: 1, memory_gb: 1 })).json;
      if (!isId("prov", node.provider_id)) throw new Error(`${id} is no provider`);
      return node.provider_id;
    },
    beat: (from: string) => post(`${id}/heartbeat`, from, {}),
  };
}
const rowOf = async (on: Wire, id: ProviderId) =>
  (await on.world.db.select().from(providers).where(eq(providers.id, id)))[0];
const grouped = async (...ids: ProviderId[]) => {
  await new Promise((resolve) => setTimeout(resolve, 2_050)); // groups are read again after two seconds
  const { of } = await groupsNow(wire.deps.db, false);
  return new Set(ids.map(of)).size;
};

test("two wallets that register through networks of their own and work from one are one owner", async () => {
  const [one, two] = [await worker(wire, "one"), await worker(wire, "two")];
  const first = await one.register("198.51.100.1");
  const ids = [first, await two.register("192.0.3.1")];
  expect(await grouped(...ids)).toBe(2);
  expect((await one.beat("203.0.113.7")).status).toBe(200);
  expect((await two.beat("203.0.113.200")).status).toBe(200);
  expect(await grouped(...ids)).toBe(1);
  await one.register("198.51.100.1"); // again from where it came: nothing is forgotten
  expect(await grouped(...ids)).toBe(1);
  expect((await rowOf(wire, first))?.addresses).toEqual(["198.51.100.1", "203.0.113.7"]);
});

test("of a worker that comes from ever other networks the last eight are kept, IPv6 by its first 48 bits", async () => {
  const one = await worker(wire, "wandering");
  const id = await one.register("2001:db8:1::1");
  for (let n = 0; n < 9; n++) await one.beat(`2001:db8:${(n + 2).toString(16)}::${n}`);
  await one.beat("2001:db8:a:5::5");
  expect((await rowOf(wire, id))?.addresses).toEqual(
    Array.from({ length: 8 }, (_, n) => `2001:db8:${(n + 3).toString(16)}::${n + 1}`),
  );
});

test("whoever is no trusted proxy says nothing of where a worker is", async () => {
  const id = await (await worker(plain, "liar")).register("198.51.100.1");
  const row = await rowOf(plain, id);
  expect([row?.host, row?.addresses]).toEqual(["127.0.0.1", ["127.0.0.1"]]);
});

test("a worker's address is its address alone: no port, no brackets, and IPv4 as such, however its proxy writes it", async () => {
  const one = await worker(wire, "written");
  const id = await one.register("[2001:db8:77::1]:443");
  expect((await rowOf(wire, id))?.host).toBe("2001:db8:77::1");
  for (const same of ["2001:db8:77::1", "[2001:db8:77::1]", "2001:db8:77::2"]) await one.beat(same);
  for (const same of ["198.51.100.1:52144", "198.51.100.1", "::ffff:198.51.100.1", "[::ffff:198.51.100.9]:52144"])
    await one.beat(same);
  expect((await rowOf(wire, id))?.addresses).toEqual(["2001:db8:77::1", "198.51.100.1"]);
  await one.register("::ffff:198.51.100.1");
  expect((await rowOf(wire, id))?.host).toBe("198.51.100.1");
});

test("addresses that anybody may have are each their own, and each is kept once", async () => {
  const one = await worker(wire, "private");
  const id = await one.register("10.0.0.1");
  for (const from of ["10.0.0.2", "fd00::1", "10.0.0.1", "fe80::1", "10.0.0.2"]) await one.beat(from);
  expect((await rowOf(wire, id))?.addresses).toEqual(["10.0.0.1", "10.0.0.2", "fd00::1", "fe80::1"]);
});
