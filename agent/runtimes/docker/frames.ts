// What a container wrote, as engines send it: frames of a stream's number, three zeros, a length and the bytes. Read by
// their lengths only, because a length may look like text: of 10 bytes it ends in a line break, of 266 in one more.
const HEADER = 8;
export const STDOUT = 1;
export const STDERR = 2;

/**
 * @param take called with each piece of a frame, as it comes: a frame may be longer than memory should be
 * @returns what to call with each chunk of the stream
 */
export function readFrames(take: (stream: number, bytes: Buffer) => void): (chunk: Buffer) => void {
  const header = Buffer.alloc(HEADER);
  let have = 0;
  let left = 0;
  return (chunk) => {
    for (let at = 0; at < chunk.length; ) {
      if (left > 0) {
        const piece = chunk.subarray(at, at + left);
        left -= piece.length;
        at += piece.length;
        take(header[0] ?? 0, piece);
        continue;
      }
      const copied = chunk.copy(header, have, at, at + HEADER - have);
      have += copied;
      at += copied;
      if (have < HEADER) return;
      have = 0;
      left = header.readUInt32BE(4);
    }
  };
}

export interface Capture {
  readonly take: (stream: number, bytes: Buffer) => void;
  stdout(): Buffer;
  stderr(): Buffer;
  /** bytes of both, kept or not */
  total(): number;
  stdoutBytes(): number;
}

/** Keeps the beginning of stdout and the end of stderr. */
export function capture(mostStdout: number, mostStderr: number): Capture {
  const out: Buffer[] = [];
  let err: Buffer[] = [];
  let outBytes = 0;
  let keptErr = 0;
  let total = 0;
  return {
    take(stream, bytes) {
      total += bytes.length;
      if (stream === STDOUT) {
        if (outBytes < mostStdout) out.push(Buffer.from(bytes.subarray(0, mostStdout - outBytes)));
        outBytes += bytes.length;
      } else if (stream === STDERR) {
        err.push(Buffer.from(bytes));
        keptErr += bytes.length;
        if (keptErr < 2 * mostStderr + 65_536) return;
        err = [Buffer.from(tail(err, mostStderr))];
        keptErr = err[0]?.length ?? 0;
      }
    },
    stdout: () => Buffer.concat(out),
    stderr: () => tail(err, mostStderr),
    total: () => total,
    stdoutBytes: () => outBytes,
  };
}

function tail(parts: readonly Buffer[], most: number): Buffer {
  const all = Buffer.concat(parts);
  return all.subarray(Math.max(0, all.length - most));
}
