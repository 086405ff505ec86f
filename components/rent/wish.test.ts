import { expect, test } from "vitest";
import { RentalBody } from "../../protocol/operations/job.ts";
import { readWish, wishBody } from "./wish.ts";

test("empty fields are left out, so that the wire's defaults hold", () => {
  const body = RentalBody.parse(
    wishBody({ gpu_type: "H100", gpu_count: "2", duration_hours: "3", cpu_cores: "", image: " " }),
  );
  expect(body).toMatchObject({ gpu_count: 2, duration_hours: 3, cpu_cores: 8, memory_gb: 32 });
  expect(body.image).toBeUndefined();
});

test("what is no number reaches the wire as it was typed, and the wire names the field", () => {
  const refused = RentalBody.safeParse(wishBody({ gpu_type: "H100", gpu_count: "1", duration_hours: "three" }));
  expect(refused.error?.issues.map((issue) => issue.path)).toEqual([["duration_hours"]]);
});

test("cores only asks for no GPU model, whatever the select last said", () => {
  expect(wishBody({ gpu_type: "H100", gpu_count: "0", duration_hours: "1" })).not.toHaveProperty("gpu_type");
});

test("a template brings its own image: what the hidden field still holds is not sent", () => {
  expect(wishBody({ template: "cuda-12", image: "me/mine:1" })).toEqual({ kind: "rental", template: "cuda-12" });
  expect(wishBody({ template: "", image: "me/mine:1" })).toEqual({ kind: "rental", image: "me/mine:1" });
});

test("a port is a number, the template's where the field is empty, and refused by its field where it is none", () => {
  expect(wishBody({ http_port: "8080" }).http_port).toBe(8080);
  expect(wishBody({ http_port: " ", template: "jupyter" })).toEqual({ kind: "rental", template: "jupyter" });
  const wish = { gpu_type: "H100", gpu_count: "1", duration_hours: "1" };
  for (const http_port of ["0", "65536", "http"])
    expect(RentalBody.safeParse(wishBody({ ...wish, http_port })).error?.issues.map(({ path }) => path)).toEqual([
      ["http_port"],
    ]);
});

test("the price limit is sent with six places", () => {
  expect(wishBody({ max_price: "0.6" }).max_price).toBe("0.600000");
});

test("a pasted key counts only where pasting was chosen", () => {
  const form = new FormData();
  form.set("pasted_key", "ssh-ed25519 AAAA");
  form.set("ssh_public_key", "");
  expect(readWish(form).ssh_public_key).toBe("");
  form.set("ssh_public_key", "paste");
  expect(readWish(form).ssh_public_key).toBe("ssh-ed25519 AAAA");
});
