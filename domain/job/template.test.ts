import { describe, expect, test } from "vitest";
import { furnish, imageIn, type Template } from "./template.ts";

const vllm: Template = {
  slug: "vllm",
  name: "vLLM",
  image: "workspace-vllm:1",
  env: { PATH: "/opt/bin:/bin", HF_HOME: "/models" },
  command: ["vllm", "serve"],
  httpPort: 8000,
  minVramMb: 22_000,
  minDiskGb: 60,
};
const wish = { gpuCount: 1, image: null, httpPort: null, diskGb: null, env: {} };

describe("furnish", () => {
  test("a template brings image and variables, and the customer's own variables win", () => {
    expect(furnish({ ...wish, env: { HF_HOME: "/mine", A: "b" } }, vllm, "registry.example/berth")).toEqual({
      image: "registry.example/berth/workspace-vllm:1",
      template: "vllm",
      command: ["vllm", "serve"],
      httpPort: 8000,
      env: { PATH: "/opt/bin:/bin", HF_HOME: "/mine", A: "b" },
      diskGb: 60,
      minVramMb: 22_000,
    });
  });
  test("the least disk raises what comes by itself, and lowers nothing", () => {
    expect(furnish({ ...wish, gpuCount: 2 }, vllm, "localhost").diskGb).toBe(100);
    expect(furnish({ ...wish, diskGb: 60 }, vllm, "localhost").diskGb).toBe(60);
  });
  test("less disk than the template needs is refused by the field's name, and so is no GPU where it needs one", () => {
    const refusal = (given: Parameters<typeof furnish>[0]) => () => furnish(given, vllm, "localhost");
    expect(refusal({ ...wish, diskGb: 59 })).toThrow(
      expect.objectContaining({
        code: "bad-request",
        extras: { fields: [{ field: "storage_gb", message: "vLLM needs at least 60 GB" }] },
      }),
    );
    expect(refusal({ ...wish, gpuCount: 0 })).toThrow(
      expect.objectContaining({ extras: { fields: [expect.objectContaining({ field: "gpu_count" })] } }),
    );
    expect(furnish({ ...wish, gpuCount: 0 }, { ...vllm, minVramMb: 0 }, "localhost").minVramMb).toBe(0);
  });
  test("an image of the customer's own comes as it is, with 50 GB a GPU and no needs", () => {
    expect(furnish({ ...wish, gpuCount: 3, image: "me/mine:1" }, null, "localhost")).toEqual({
      image: "me/mine:1",
      template: null,
      command: null,
      httpPort: null,
      env: {},
      diskGb: 150,
      minVramMb: 0,
    });
    expect(furnish(wish, null, "localhost").image).toBe("ubuntu:24.04");
  });
});

test("only a name without a slash is the operator's: what names a place stays as it is", () => {
  expect(imageIn("localhost", "workspace-ubuntu:24.04")).toBe("localhost/workspace-ubuntu:24.04");
  expect(imageIn("localhost", "ghcr.io/some/image@sha256:ab")).toBe("ghcr.io/some/image@sha256:ab");
});
