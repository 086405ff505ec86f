import fc from "fast-check";
import { expect, test } from "vitest";
import { KeptOutput } from "./kept-output.ts";

const chunks = fc.array(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  { maxLength: 20 },
);

test("whoever says how much they have is given exactly the rest, or is told where it begins again", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), chunks, fc.nat(900), (limit, parts, received) => {
      const kept = new KeptOutput(limit);
      for (const part of parts) kept.add(part);
      const all = Buffer.concat(parts);
      const { from, bytes } = kept.since(received);
      expect(kept.end).toBe(all.length);
      expect(bytes).toEqual(all.subarray(from));
      if (received >= all.length - limit && received <= all.length) expect(from).toBe(received);
    }),
  );
});

test("a newcomer sees all that is kept, and never begins in the middle of a line that has lost its start", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 4, max: 64 }),
      fc.array(fc.stringMatching(/^[a-z]{0,9}\n$/), { maxLength: 40 }),
      (limit, lines) => {
        const kept = new KeptOutput(limit);
        for (const line of lines) kept.add(Buffer.from(line));
        const all = lines.join("");
        const { from, bytes } = kept.since(null);
        expect(bytes.toString()).toBe(all.slice(from));
        if (all.length <= limit) expect(from).toBe(0);
        else if (all.slice(-limit, -1).includes("\n")) expect(all[from - 1]).toBe("\n");
      },
    ),
  );
});
