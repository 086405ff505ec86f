import fc from "fast-check";
import { expect, test } from "vitest";
import { registryOf } from "./image.ts";

test("a reference without a registry comes from Docker Hub", () => {
  for (const image of ["ubuntu", "ubuntu:24.04", "me/mine:1", "team/app/part@sha256:0", "index.docker.io/me/mine"])
    expect(registryOf(image)).toBe("docker.io");
});

test("a first part with a dot or a port, or localhost, is the registry", () => {
  expect(registryOf("ghcr.io/me/mine:1")).toBe("ghcr.io");
  expect(registryOf("registry.example:5000/mine")).toBe("registry.example:5000");
  expect(registryOf("localhost/debian:12")).toBe("localhost");
  expect(registryOf("localhost:5000/debian:12")).toBe("localhost:5000");
  expect(registryOf("mine:5000")).toBe("docker.io"); // that is a tag
});

test("tags and digests never change the registry", () => {
  const name = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  const registry = fc.constantFrom("ghcr.io", "localhost", "r.example:5000", null);
  fc.assert(
    fc.property(registry, fc.array(name, { minLength: 1, maxLength: 3 }), name, (host, path, tag) => {
      const image = [...(host === null ? [] : [host]), ...path].join("/");
      expect(registryOf(`${image}:${tag}`)).toBe(registryOf(image));
      expect(registryOf(image)).toBe(host ?? "docker.io");
    }),
  );
});
