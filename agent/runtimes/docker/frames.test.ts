import fc from "fast-check";
import { expect, test } from "vitest";
import { capture, readFrames, STDERR, STDOUT } from "./frames.ts";

function frame(stream: number, content: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(content.length, 4);
  return Buffer.concat([header, content]);
}

function read(chunks: readonly Buffer[]) {
  const kept = capture(10_000, 10_000);
  const take = readFrames(kept.take);
  for (const chunk of chunks) take(chunk);
  return { out: kept.stdout(), err: kept.stderr() };
}

const pieces = (whole: Buffer, size: number) =>
  Array.from({ length: Math.ceil(whole.length / size) }, (_, i) => whole.subarray(i * size, (i + 1) * size));

test("frames whose lengths look like line breaks are read by their lengths", () => {
  // 10 is a line break, 266 is one after another byte; 13 and 0 are no less of a trap.
  for (const length of [0, 10, 13, 256, 266, 2570]) {
    const line = Buffer.alloc(length, "\n");
    const whole = Buffer.concat([
      frame(STDOUT, line),
      frame(STDERR, Buffer.from("e")),
      frame(STDOUT, Buffer.from("o")),
    ]);
    for (const size of [1, 3, 7, 8, 9, whole.length])
      expect(read(pieces(whole, size))).toEqual({
        out: Buffer.concat([line, Buffer.from("o")]),
        err: Buffer.from("e"),
      });
  }
});

test("however a stream is cut into chunks, the same bytes come out", () => {
  const content = fc.record({ stream: fc.constantFrom(STDOUT, STDERR), bytes: fc.uint8Array({ maxLength: 300 }) });
  fc.assert(
    fc.property(fc.array(content, { maxLength: 12 }), fc.integer({ min: 1, max: 64 }), (frames, size) => {
      const whole = Buffer.concat(frames.map(({ stream, bytes }) => frame(stream, bytes)));
      const of = (wanted: number) => Buffer.concat(frames.filter((f) => f.stream === wanted).map((f) => f.bytes));
      expect(read(pieces(whole, size))).toEqual({ out: of(STDOUT), err: of(STDERR) });
    }),
  );
});

test("of stdout the beginning is kept, of stderr the end, and all is counted", () => {
  const kept = capture(4, 3);
  for (const text of ["abc", "def"]) kept.take(STDOUT, Buffer.from(text));
  kept.take(STDERR, Buffer.alloc(200_000, "x"));
  kept.take(STDERR, Buffer.from("end"));
  expect([kept.stdout().toString(), kept.stderr().toString()]).toEqual(["abcd", "end"]);
  expect([kept.stdoutBytes(), kept.total()]).toEqual([6, 200_009]);
});
