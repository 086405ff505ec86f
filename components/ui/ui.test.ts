import { expect, test } from "vitest";
import { type FormState, fieldError, restOf } from "./form-state.ts";
import { gpuName } from "./gpu-name.ts";
import { moneyText } from "./money.tsx";
import { clockSpan, roughSpan, shortAddress } from "./span.ts";

test("an amount is shown to the micro", () => {
  expect(moneyText("0.389000")).toBe("$0.389000");
});

test("a price leaves away three zeros at its end, and nothing else", () => {
  expect([moneyText("0.389000", true), moneyText("0.389001", true)]).toEqual(["$0.389", "$0.389001"]);
});

test("a sign is a real minus, and a plus where signs are asked for", () => {
  expect([moneyText("-2.334000", false, true), moneyText("25.000000", false, true)]).toEqual([
    "−$2.334000",
    "+$25.000000",
  ]);
});

test("what is no money on the wire is shown as it came", () => {
  expect(moneyText("n/a")).toBe("n/a");
});

test("a running time may pass a day", () => {
  expect([clockSpan(3461.9), clockSpan(90_061), clockSpan(-4)]).toEqual(["00:57:41", "25:01:01", "00:00:00"]);
});

test("a rough span has one unit", () => {
  expect([41_000, 180_000, 7_200_000, 259_200_000].map(roughSpan)).toEqual(["41 s", "3 min", "2 h", "3 d"]);
});

test("an address is shortened in its middle", () => {
  expect(shortAddress("0x7a31b2c3d4e5f60718293a4b5c6d7e8f9012c9e2")).toBe("0x7a31…c9e2");
});

const refused: FormState = {
  refusal: {
    code: "bad-request",
    title: "Not valid",
    detail: "Some fields.",
    fields: [{ field: "name", message: "too long" }],
  },
  done: 0,
};

test("a refused field is told beside it and not again above the button", () => {
  expect([fieldError(refused, "name"), restOf(refused, ["name"])]).toEqual(["too long", []]);
});

test("a refused field that the form does not show is told above the button", () => {
  expect(restOf(refused, [])).toEqual(["name: too long"]);
});

test("a refusal without fields tells its detail", () => {
  expect(
    restOf({ refusal: { code: "conflict", title: "No", detail: "It stopped.", fields: [] }, done: 0 }, []),
  ).toEqual(["It stopped."]);
});

test.each([
  ["NVIDIA GeForce RTX 4090", "RTX 4090"],
  ["NVIDIA A100-SXM4-80GB", "A100-SXM4-80GB"],
  ["AMD Radeon RX 7900 XTX", "RX 7900 XTX"],
  ["RTX 4090", "RTX 4090"],
])("the model %s is called %s", (model, called) => {
  expect(gpuName(model)).toBe(called);
});
