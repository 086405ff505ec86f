// What can be reached of whatever runs: commands, terminals, ports, its log. Part of the contract of every cluster.
import { once } from "node:events";
import { buffer, text } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { JobId } from "../../domain/ids.ts";
import type { Inside, Whereabouts } from "../deps.ts";
import { collected, PATIENCE_MS, ran, refusal, SERVER, talk, until } from "./reaching.ts";

/** Binary, and not the same in any two places that a mistake would swap. */
const MEBIBYTE = Buffer.from(
  Array.from({ length: 1024 * 1024 }, (_, at) => (at * 31 + (at >> 8) * 7 + (at >> 16)) & 255),
);
const AWKWARD = ["", " a  b ", "it's", '"$HOME"', "`id`", "back\\slash", "two\nlines\n", "-n", "*", "é€𝄞", "a;b|c&d"];
const SLOW = 180_000;

export interface Reachable {
  readonly inside: Inside;
  /** Makes the workspace itself write a line, as far as its log is concerned. */
  say(at: Whereabouts, line: string): Promise<void>;
  /** Whether the end of one direction of a connection reaches the server while the other goes on. */
  readonly halfClose: boolean;
}

/** @param given what runs, once the tests do */
export function insideContract(
  given: () => { readonly its: Reachable; readonly at: Whereabouts; readonly jobId: JobId },
): void {
  const inside = () => given().its.inside;
  const run = (command: readonly string[], input?: string | Buffer) => ran(inside(), given().at, command, input);
  const dies = (pid: string) =>
    until(`${pid} is gone`, async () => (await run(["sh", "-c", `kill -0 ${pid}`])).exit.code !== 0);

  describe("its commands", () => {
    test("stdout and stderr are apart", async () => {
      const { out, err, exit } = await run(["sh", "-c", "echo out; echo err >&2"]);
      expect([out.toString(), err, exit]).toEqual(["out\n", "err\n", { code: 0, signal: null }]);
    });

    test("the exit code is told", async () => {
      expect((await run(["sh", "-c", "exit 7"])).exit).toEqual({ code: 7, signal: null });
    });

    // A shell between us and the command counts 128 and the signal's number.
    test("an end by a signal is told by its name, or as shells count it", async () => {
      const { exit } = await run(["sh", "-c", "kill -KILL $$"]);
      expect([
        { code: null, signal: "SIGKILL" },
        { code: 137, signal: null },
      ]).toContainEqual(exit);
    });

    test("a program that is not there is an end that shells know", async () => {
      expect([126, 127]).toContain((await run(["/no/such/program"])).exit.code);
    });

    test("arguments arrive as they are", async () => {
      const { out } = await run(["perl", "-e", 'print join("\\0", @ARGV)', "--", ...AWKWARD]);
      expect(out.toString().split("\0")).toEqual(AWKWARD);
    });

    test("a program's name is no word of the shell", async () => {
      expect((await run(["exit", "0"])).exit.code).toBe(127);
    });

    test("the job's environment is there", async () => {
      const { out } = await run(["env"]);
      expect(out.toString().split("\n")).toEqual(
        expect.arrayContaining(["GREETING=a hoy", `BERTH_JOB_ID=${given().jobId}`]),
      );
      expect(out.toString()).toMatch(/^HOME=\/.*$/m);
      expect(out.toString()).toMatch(/^PATH=.*\/bin/m);
    });

    test("stdin is read to its end, and not beyond what was given", async () => {
      expect((await run(["cat"], "no newline at the end")).out.toString()).toBe("no newline at the end");
      expect((await run(["cat"])).out.length).toBe(0);
    });

    test("1 MiB of binary goes in and comes out, whole and in order", async () => {
      const { out } = await run(["cat"], MEBIBYTE);
      expect(out.equals(MEBIBYTE)).toBe(true);
    });

    test("what is typed is answered before its end is told", async () => {
      const session = await inside().exec(given().at, ["cat"], {
        terminal: null,
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const shown = collected(session.output);
      session.input.write("one\n");
      await until("the first line is back", () => shown() === "one\n");
      session.input.end("two\n");
      expect(await session.exit).toEqual({ code: 0, signal: null });
      await until("the second line is back", () => shown() === "one\ntwo\n");
    });

    test("a command that does not read its stdin ends all the same", async () => {
      const session = await inside().exec(given().at, ["true"], {
        terminal: null,
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      session.input.on("error", () => {});
      session.input.write("nobody reads this\n");
      expect(await session.exit).toEqual({ code: 0, signal: null });
    });

    test("a slow reader loses nothing", async () => {
      const session = await inside().exec(given().at, ["sh", "-c", "head -c 4194304 /dev/zero"], {
        terminal: null,
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      session.input.end();
      let got = 0;
      for await (const part of session.output) {
        got += part.length;
        await pause(1);
      }
      expect(got).toBe(4 * 1024 * 1024);
      expect((await session.exit).code).toBe(0);
    });

    test("its signal aborts a command, and what ran is gone", async () => {
      const stop = new AbortController();
      const session = await inside().exec(given().at, ["sh", "-c", "echo $$; exec sleep 600"], {
        terminal: null,
        signal: stop.signal,
      });
      const shown = collected(session.output);
      await until("it runs", () => shown().endsWith("\n"));
      stop.abort();
      await session.exit;
      await dies(shown().trim());
    });
  });

  describe("its terminals", () => {
    test("a terminal is one, of the size that was asked for, and of every later one", async () => {
      const { session, type, shown, shows } = await talk(inside(), given().at, ["bash"], { cols: 101, rows: 31 });
      type('test -t 0 && echo it is o""ne; echo $TERM\n'); // a sandbox may not see its name
      await shows(/it is one/);
      await shows(/xterm-256color/);
      const sized = (size: string) =>
        until(size, async () => {
          type("stty size\n");
          await pause(200);
          return shown().includes(size);
        });
      await sized("31 101");
      session.resize({ cols: 132, rows: 50 });
      await sized("50 132");
      type("exit 3\n");
      expect(await session.exit).toEqual({ code: 3, signal: null });
    });

    test("Ctrl-C interrupts what runs, and the shell goes on", async () => {
      const { session, type, shows } = await talk(inside(), given().at, ["sh"]);
      // Said by what is to be interrupted: a shell that is about to fork it would take the key for itself.
      type("sh -c 'echo be\"\"gun; exec sleep 600'\n");
      await shows(/begun/);
      type("\x03");
      type('echo af""ter\n');
      await shows(/after/);
      type("exit 0\n");
      await session.exit;
    });

    test("Ctrl-D is the end of what is typed", async () => {
      const { session, type, shows } = await talk(inside(), given().at, ["cat"]);
      type("line\n");
      await shows(/line\r?\nline/);
      type("\x04");
      expect(await session.exit).toEqual({ code: 0, signal: null });
    });

    test("closed, it hangs up what runs in it", async () => {
      const { session, shows, shown } = await talk(inside(), given().at, ["sh", "-c", "echo pid $$; sleep 600"]);
      await shows(/pid \d+\r?\n/);
      session.close();
      await session.exit;
      await dies(/pid (\d+)/.exec(shown())?.[1] ?? "0");
    });
  });

  describe("its ports", () => {
    let port: number;
    let counted: () => string;
    const connect = (to = port) => inside().connect(given().at, to, AbortSignal.timeout(PATIENCE_MS));

    beforeAll(async () => {
      const signal = new AbortController().signal;
      const server = await inside().exec(given().at, SERVER, { terminal: null, signal });
      counted = collected(server.output);
      await until("the server says its port", () => /port \d+\n/.test(counted()));
      port = Number(/port (\d+)/.exec(counted())?.[1]);
      return () => server.close();
    }, SLOW);

    test("a server on the loopback answers, whole and in order", async () => {
      const socket = await connect();
      onTestFinished(() => void socket.destroy());
      const back: Buffer[] = [];
      let length = 0;
      socket.write("echo\n");
      socket.write(MEBIBYTE);
      for await (const part of socket) {
        back.push(part);
        length += part.length;
        if (length >= MEBIBYTE.length) break;
      }
      expect(Buffer.concat(back).equals(MEBIBYTE)).toBe(true);
    });

    test("what a server says before it hangs up arrives, and then the end", async () => {
      const socket = await connect();
      socket.write("1048576\n");
      expect((await text(socket)).length).toBe(1024 * 1024);
      socket.destroy();
    });

    test("twenty connections at once do not get in each other's way", async () => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, async (_, at) => {
          const socket = await connect();
          socket.write(`${1000 + at}\n`);
          const said = await buffer(socket);
          socket.destroy();
          return said.length;
        }),
      );
      expect(answers).toEqual(Array.from({ length: 20 }, (_, at) => 1000 + at));
    });

    test("the end of what we say reaches the server, after all of it", async () => {
      const socket = await connect();
      onTestFinished(() => void socket.destroy());
      socket.write("count\n");
      socket.end(MEBIBYTE.subarray(0, 300_000));
      // Together: a connection that breaks while the server is waited for would be nobody's error.
      const [said] = await Promise.all([
        text(socket),
        until("the server read it to its end", () => counted().includes("counted 300000")),
      ]);
      if (given().its.halfClose) expect(said).toBe("300000");
    });

    test("a port that nobody listens on is a conflict, at once or on the first thing that is asked of it", async () => {
      const asked = connect(9).then(async (socket) => {
        const [error] = await once(socket, "error");
        throw error;
      });
      expect(await refusal(asked)).toBe("conflict");
    });
  });

  describe("its log", () => {
    const options = { tailLines: null, follow: false };

    test("what the workspace wrote can be read, all or only the last of it", async () => {
      for (const line of ["first of three", "second of three", "third of thrée"])
        await given().its.say(given().at, line);
      const signal = AbortSignal.timeout(PATIENCE_MS);
      const read = async (tailLines: number | null) => {
        let all = "";
        for await (const part of inside().logs(given().at, { ...options, tailLines, signal })) all += part;
        return all;
      };
      await until("the log has it", async () => (await read(null)).includes("third of thrée\n"));
      expect(await read(null)).toContain("first of three\nsecond of three\nthird of thrée\n");
      expect((await read(2)).match(/\n/g)).toHaveLength(2); // sshd may have said something since
    });

    test("who follows hears what comes later, until they stop", async () => {
      const stop = new AbortController();
      onTestFinished(() => stop.abort());
      const log = inside().logs(given().at, { tailLines: 0, follow: true, signal: stop.signal });
      let heard = "";
      const listen = async () => {
        for await (const part of log) heard += part;
      };
      const speak = async () => {
        let said = 0;
        await until("something later is heard", async () => {
          await given().its.say(given().at, `later ${++said}`);
          return heard.includes("later");
        });
        await given().its.say(given().at, "and then this");
        await until("the next is heard too", () => heard.includes("and then this"));
        stop.abort();
      };
      // Together: a log that breaks while something is waited for would be nobody's error.
      await Promise.all([listen(), speak()]);
    });
  });
}
