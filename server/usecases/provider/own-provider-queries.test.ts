// A list of machines costs as many statements as one machine.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { walletPrincipal } from "../../../domain/account/principal.ts";
import { OWNER, type ProviderWorld, providerWorld } from "../../testing/provider-world.ts";
import { listOwnProviders } from "./list-own-providers.ts";

let world: ProviderWorld;
beforeAll(async () => {
  world = await providerWorld();
});
beforeEach(() => world.empty());
afterAll(() => world.close());

async function statementsFor(machines: number): Promise<number> {
  await world.empty();
  for (let n = 0; n < machines; n++) await world.provider();
  const before = world.statements();
  const { count } = await listOwnProviders(world.deps, walletPrincipal(OWNER), { limit: 100 });
  expect(count).toBe(machines);
  return world.statements() - before;
}

test("a list of machines costs as many statements as one machine", async () => {
  await statementsFor(1); // what a connection asks once, the first time it is used
  const one = await statementsFor(1);
  expect(await statementsFor(12)).toBeLessThanOrEqual(one + 4);
  expect(one).toBeLessThan(30);
});
