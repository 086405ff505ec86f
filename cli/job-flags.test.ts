import { InvalidArgumentError } from "commander";
import { describe, expect, test } from "vitest";
import { PROBLEMS } from "../domain/errors.ts";
import { ProblemError } from "../protocol/client.ts";
import { CliError } from "./errors.ts";
import { toldAsTyped } from "./flag-names.ts";
import { pickModel } from "./gpu-name.ts";
import { batchBody, comparator, rentalBody, variables } from "./job-flags.ts";
import { price, seconds } from "./program.ts";

const bare = { name: "sum", image: "alpine:3" };
const nothing = { env: {}, command: [] };

describe("the flags of submit", () => {
  test("that are not given are not sent: the broker's defaults hold", () => {
    expect(batchBody(bare, nothing)).toEqual({ kind: "batch", name: "sum", docker_image: "alpine:3", command: [] });
  });

  test("become the body of the wire, each in its place", () => {
    const flags = {
      ...bare,
      ...{
        cmd: ["sh", "-c", "cat"],
        description: "adds",
        cpu: 2,
        memory: 4,
        gpu: "NVIDIA L40S",
        gpus: 2,
        file: ["out"],
      },
      ...{
        redundancy: 5,
        consensus: 3,
        assurance: "high" as const,
        dispatch: "eager" as const,
        comparator: comparator("numeric:1e-3,2"),
      },
      ...{ network: true, timeout: seconds("5m"), queueTimeout: 60, maxPrice: price("0.4"), reusable: false },
    } as const;
    expect(batchBody(flags, { env: { A: "1" }, input: "stdin", command: [] })).toEqual({
      kind: "batch",
      ...{ name: "sum", docker_image: "alpine:3", command: ["sh", "-c", "cat"], description: "adds" },
      ...{ environment: { A: "1" }, input_data: "stdin", required_cpu: 2, required_memory: 4 },
      ...{ required_gpu: true, gpu_type: "NVIDIA L40S", gpu_count: 2, files: ["out"], redundancy: 5, consensus: 3 },
      ...{ assurance: "high", dispatch: "eager", comparator: { kind: "numeric", rtol: 0.001, atol: 2 } },
      ...{ network: true, timeout_seconds: 300, queue_timeout: 60, max_price: "0.400000", reusable: false },
    });
  });

  test("say that it may be run again only where they say so, which goes without network and environment", () => {
    expect(batchBody({ ...bare, reusable: true }, nothing)).toMatchObject({ reusable: true });
    expect(() => batchBody({ ...bare, reusable: true, network: true }, nothing)).toThrow(CliError);
  });

  test("take the command from --cmd or from behind --, and not from both", () => {
    expect(batchBody(bare, { env: {}, command: ["echo", "a b"] })).toMatchObject({ command: ["echo", "a b"] });
    expect(() => batchBody({ ...bare, cmd: ["a"] }, { env: {}, command: ["b"] })).toThrow(CliError);
  });

  const details = (make: () => unknown): readonly string[] => {
    try {
      make();
    } catch (error) {
      if (error instanceof CliError) return error.details;
    }
    throw new Error("it was taken");
  };

  test("that no broker would take are refused under the names that were typed, before one is asked", () => {
    const wrong = { ...bare, image: "", cpu: 0, redundancy: 9, file: ["out", "../up"], timeout: 0 };
    const around = { env: { "1A": "x" }, command: ["true", "a\0b"] };
    expect(details(() => batchBody(wrong, around))).toEqual([
      "--image: must not be empty",
      "the command, part 2: must not contain NUL",
      "--env 1A: a name of letters, digits and _ that no digit begins",
      "--cpu: at least 1",
      "--redundancy: at most 7",
      "--file ../up: a path inside the working directory",
      "--timeout: at least 1",
    ]);
    expect(details(() => batchBody({ ...bare, comparator: { kind: "numeric", rtol: 2 } }, nothing))).toEqual([
      "--comparator rtol: at most 1",
    ]);
    expect(details(() => rentalBody({ hours: 0, gpu: "X", memory: 0 }, {}, ""))).toEqual([
      "--memory: at least 1",
      "--hours: at least 1",
      "--ssh-key: must not be empty",
    ]);
    expect(details(() => rentalBody({ hours: 1, gpus: 1 }, {}, undefined))).toEqual([
      "--gpu: name a GPU model or a provider",
    ]);
  });

  test("that do not go together are refused before a broker is asked", () => {
    expect(details(() => batchBody({ ...bare, consensus: 4, gpu: "X", gpus: 0 }, nothing))).toEqual([
      "--consensus: is at most redundancy, which is 3; 1 takes a single result, unverified",
      "--gpu: a job without GPUs names no model",
    ]);
  });

  test("are what a broker's own refusal of a field is told under", async () => {
    const fields = [
      { field: "gpu_count", message: "asks for 9" },
      { field: "elsewhere", message: "is odd" },
    ];
    const { status, title, retry } = PROBLEMS["bad-request"];
    const problem = {
      type: "about:blank",
      title,
      status,
      detail: "",
      code: "bad-request",
      request_id: "",
      retry,
      fields,
    };
    const refused = toldAsTyped(batchBody(bare, nothing), Promise.reject(new ProblemError(problem, null)));
    await expect(refused).rejects.toMatchObject({
      problem: { fields: [{ field: "--gpus" }, { field: "elsewhere" }] },
    });
  });
});

test("a rental without a GPU and a provider is cores only, with one of them it has one GPU", () => {
  expect(rentalBody({ hours: 2 }, {}, undefined)).toEqual({ kind: "rental", duration_hours: 2, gpu_count: 0 });
  expect(rentalBody({ hours: 1, gpu: "X", maxPrice: "1.000000" }, { A: "b" }, "ssh-ed25519 AAAA")).toEqual({
    ...{ kind: "rental", duration_hours: 1, gpu_count: 1, gpu_type: "X", max_price: "1.000000", env: { A: "b" } },
    ssh_public_key: "ssh-ed25519 AAAA",
  });
});

test("a comparator is one of four, and tolerances are numbers", () => {
  expect(["exact", "json", "files", "numeric", "numeric:0.1"].map(comparator)).toEqual([
    { kind: "exact" },
    { kind: "json" },
    { kind: "files" },
    { kind: "numeric" },
    { kind: "numeric", rtol: 0.1 },
  ]);
  for (const wrong of ["", "fuzzy", "numeric:", "numeric:a", "numeric:1e-", "exact:1"])
    expect(() => comparator(wrong), wrong).toThrow(InvalidArgumentError);
});

test("prices and times are read to the last digit or refused", () => {
  expect(["1", "0.4", "$12.345678"].map(price)).toEqual(["1.000000", "0.400000", "12.345678"]);
  expect(["90", "90s", "5m", "2h"].map(seconds)).toEqual([90, 90, 300, 7200]);
  for (const wrong of ["", "-1", "0.1234567", "1e3", "1,5"])
    expect(() => price(wrong), wrong).toThrow(InvalidArgumentError);
  for (const wrong of ["", "1.5h", "5 m", "-1", "1d"])
    expect(() => seconds(wrong), wrong).toThrow(InvalidArgumentError);
});

test("variables come from files first, flags win, and a name alone takes its value from here", () => {
  const env = variables(["# a comment\n\nA=1\nB=x=y\r\n"], ["A=2", "HOME"], { HOME: "/root" });
  expect(env).toEqual({ A: "2", B: "x=y", HOME: "/root" });
  expect(() => variables([], ["GONE"], {})).toThrow("The variable GONE is not set here.");
});

test("part of a name means the one model that has it, and more than one is asked back", () => {
  const models = ["NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 4090 D", "NVIDIA L40S"];
  expect(pickModel("l40s", models)).toBe("NVIDIA L40S");
  expect(pickModel("nvidia geforce rtx 4090", models)).toBe("NVIDIA GeForce RTX 4090");
  expect(() => pickModel("4090", models)).toThrow(CliError);
  expect(pickModel("H200", models)).toBe("H200");
});
