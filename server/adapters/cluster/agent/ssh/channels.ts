// SSH channels as the streams that Node's own programs know: they end, they break and they are thrown away as sockets are.
import { Duplex, Readable, Writable } from "node:stream";
import type { ClientChannel } from "ssh2";
import type { ExitStatus, Session } from "../../../../deps.ts";

/** A command's channel as a session. What broke looks like an end with an unknown status. */
export function sessionOf(channel: ClientChannel, terminal: boolean): Session {
  const [output, errors] = [tap(channel), tap(channel.stderr)];
  const input = new Writable({
    write: (chunk, _encoding, done) => void channel.write(chunk, done),
    final(done) {
      channel.end();
      done();
    },
  });
  input.on("error", () => undefined); // written to after the end: nobody reads it any more
  channel.on("error", () => undefined);
  if (terminal) errors.stream.resume();
  let status: ExitStatus = { code: null, signal: null };
  channel.on("exit", (code: number | null, signal?: string) => {
    status = { code, signal: signal ?? null };
  });
  const closed = new Promise<void>((resolve) => channel.once("close", resolve));
  closed.then(() => input.destroy());
  let hungUp = () => {};
  const exit = new Promise<ExitStatus>((resolve) => {
    hungUp = () => resolve(status);
    Promise.all([closed, output.handedOn, errors.handedOn]).then(hungUp);
  });
  return {
    input,
    output: output.stream,
    errors: errors.stream,
    exit,
    resize: ({ cols, rows }) => channel.setWindow(rows, cols, 0, 0),
    close() {
      channel.signal("HUP");
      channel.close();
      input.destroy();
      output.cut();
      errors.cut();
      hungUp();
    },
  };
}

/** A forwarded port's channel as a socket would be. @param broken whether the connection beneath it is lost */
export function socketOf(channel: ClientChannel, broken: () => boolean): Duplex {
  const socket = new Duplex({
    allowHalfOpen: true,
    read: () => void channel.resume(),
    write: (chunk, _encoding, done) => void channel.write(chunk, done),
    final(done) {
      channel.end();
      done();
    },
    destroy(error, done) {
      channel.resume(); // it closes only once it is read
      channel.close();
      done(error);
    },
  });
  channel.on("error", () => undefined);
  channel.on("data", (chunk: Buffer) => {
    if (!socket.destroyed && !socket.push(chunk)) channel.pause();
  });
  channel.on("end", () => {
    if (broken()) socket.destroy(new Error("the connection into the execution was lost"));
    else socket.push(null);
  });
  channel.on("close", () => {
    if (socket.readableEnded) socket.destroy();
    else socket.once("end", () => socket.destroy());
  });
  return socket;
}

interface Tap {
  readonly stream: Readable;
  /** Resolves when all was read, or can be where nobody has begun to. */
  readonly handedOn: Promise<void>;
  /** Ends the stream behind what it holds; what still comes is thrown away. */
  cut(): void;
}

function tap(source: Readable): Tap {
  let cut = false;
  const stream = new Readable({ read: () => void source.resume() });
  source.on("data", (chunk: Buffer) => {
    if (!cut && !stream.destroyed && !stream.push(chunk)) source.pause();
  });
  const end = () => {
    if (!cut) stream.push(null);
  };
  source.once("end", end);
  return {
    stream,
    handedOn: new Promise((resolve) => {
      stream.once("end", resolve);
      stream.once("close", resolve);
      source.once("end", () => {
        if (stream.readableFlowing === null) resolve();
      });
    }),
    cut() {
      end();
      cut = true;
      source.resume();
    },
  };
}
