import fc from "fast-check";
import { expect, test } from "vitest";
import { parseMicros } from "../domain/money/micros.ts";
import { decimalOf, StreamHeartbeat, StreamRegistration } from "./streams.ts";

const registration = (capacity: string) =>
  StreamRegistration.safeParse(
    JSON.parse(
      `{"provider_id":"rig","wallet_addr":"0x${"A".repeat(40)}","spec":{"hostname":"h","cpu_cores":1,"total_memory_mb":1024},"capacity":${capacity}}`,
    ),
  );

test("money sent as a JSON number is read by its digits, exact to the micro", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 999_999_999_999n }), (micros) => {
      const digits = `${micros / 1_000_000n}.${String(micros % 1_000_000n).padStart(6, "0")}`;
      const sent = registration(`{"gpu_price_per_hour":${digits}}`);
      expect(sent.success && parseMicros(sent.data.capacity.gpu_price_per_hour ?? "")).toBe(micros);
      const asText = registration(`{"gpu_price_per_hour":"${digits}"}`);
      expect(asText.success && parseMicros(asText.data.capacity.gpu_price_per_hour ?? "")).toBe(micros);
    }),
  );
});

test("the sums that floats are famous for are refused, not rounded", () => {
  expect(decimalOf(String(0.1 + 0.2))).toBeNull();
  for (const text of ["-1", "1e3", "1e-7", "0.0000001", "NaN", "Infinity", "", ".5", "5.", " 5", "1000000", "0x10"])
    expect(decimalOf(text)).toBeNull();
  expect(decimalOf("0")).toBe("0.000000");
  expect(decimalOf("0.5")).toBe("0.500000");
});

test("prices by model are read as the one price is", () => {
  const sent = registration('{"gpu_prices_per_hour":{"NVIDIA A100":1.2,"__proto__":3}}');
  expect(sent.success && sent.data.capacity.gpu_prices_per_hour?.["NVIDIA A100"]).toBe("1.200000");
  expect(registration('{"gpu_prices_per_hour":{"NVIDIA A100":1.2345678}}').success).toBe(false);
});

test("empty text, which the seed's programs write for what they do not know, is as good as nothing", () => {
  const sent = StreamRegistration.parse({
    provider_id: "rig",
    wallet_addr: `0x${"A".repeat(40)}`,
    spec: { hostname: "h", os: "", cpu_cores: 1, total_memory_mb: 1024, gpus: null, public_ip: "" },
    capacity: { gpu_prices_per_hour: null },
    mining_config: { anything: true },
  });
  expect(sent.spec.os).toBeUndefined();
  expect(sent).not.toHaveProperty("mining_config");
  expect(sent.wallet_addr).toBe(`0x${"a".repeat(40)}`);
});

test("usage a GPU is taken as a figure or as a record, under each of the names it goes by", () => {
  const usage = (gpu_usage: unknown) => StreamHeartbeat.parse({ provider_id: "rig", gpu_usage }).gpu_usage;
  expect(usage([50, { index: 1, gpu_utilization: 60 }, { uuid: "GPU-1", utilization_percent: 70 }])).toMatchObject([
    { utilization: 50 },
    { index: 1, utilization: 60 },
    { uuid: "GPU-1", utilization: 70 },
  ]);
  expect(StreamHeartbeat.safeParse({ provider_id: "rig", cpu_usage: 101 }).success).toBe(false);
});

test("no text makes the reading throw", () => {
  fc.assert(
    fc.property(fc.json(), (json) => {
      StreamRegistration.safeParse(JSON.parse(json));
      StreamHeartbeat.safeParse(JSON.parse(json));
    }),
  );
});
