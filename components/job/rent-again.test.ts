import { expect, test } from "vitest";
import { RentalBody } from "../../protocol/operations/job.ts";
import { WISH_FIELDS, type WishText, wishBody } from "../rent/wish.ts";
import { rentAgain } from "./rent-again.ts";

const job = {
  name: "fine tune",
  gpu_model: "NVIDIA GeForce RTX 4090",
  gpu_count: 2,
  cpu_cores: 12,
  memory_gb: 48,
  storage_gb: 120,
  duration_hours: 6,
  template: "pytorch",
  image: "registry.example/berth/pytorch:2",
  http_port: 8888,
  reason: null,
};

/** What the rent page makes of an address. */
function wished(path: string) {
  const params = new URL(path, "http://berth.example").searchParams;
  const wish: WishText = Object.fromEntries(
    WISH_FIELDS.flatMap((field) => (params.has(field) ? [[field, params.get(field)]] : [])),
  );
  expect([...params.keys()].sort()).toEqual(Object.keys(wish).sort()); // the page reads all that is said
  return RentalBody.parse(wishBody(wish));
}

test("what is rented again is what was rented", () => {
  const { template, image, gpu_model, reason, ...same } = job;
  expect(wished(rentAgain(job))).toMatchObject({ ...same, gpu_type: gpu_model, template });
  expect(wished(rentAgain({ ...job, template: null }))).toMatchObject({ ...same, image });
  expect(wished(rentAgain({ ...job, gpu_model: null, gpu_count: 0, http_port: null }))).not.toHaveProperty("http_port");
});

test("an end for want of room asks for the size that it suggests", () => {
  const suggests = { memory_gb: 64, storage_gb: 120 };
  const reason = { code: "out-of-memory", sentence: "", fault: "customer", remedy: "", suggests } as const;
  expect(wished(rentAgain({ ...job, reason }))).toMatchObject({ memory_gb: 64, storage_gb: 120 });
});
