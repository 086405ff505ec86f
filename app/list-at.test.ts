import { expect, test } from "vitest";
import { AppError } from "../domain/errors.ts";
import { listAt } from "./list-at.ts";

const read = async (cursor: string | undefined) => {
  if (cursor === "another") {
    const fields = [{ field: "cursor", message: "a next_cursor from an earlier reply" }];
    throw new AppError("bad-request", "The cursor is not one of this list.", { fields });
  }
  if (cursor === "secret") throw new AppError("not-found", "There is nothing here.");
  return { from: cursor ?? "the beginning" };
};

test("an address without a place, with one of another list or with none that could be one shows the first page", async () => {
  for (const given of [undefined, "another", "%", "x".repeat(401)])
    expect(await listAt(given, read)).toEqual({ from: "the beginning", onFirst: true });
  expect(await listAt("here", read)).toEqual({ from: "here", onFirst: false });
});

test("what is wrong with anything but the place is told as it is", async () => {
  await expect(listAt("secret", read)).rejects.toMatchObject({ code: "not-found" });
});
