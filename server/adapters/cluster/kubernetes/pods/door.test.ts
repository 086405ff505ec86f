import { createServer, type Server } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { formatId } from "../../../../../domain/ids.ts";
import { knownDoors, sshAnswers } from "./door.ts";

const id = (n: number) => formatId("exec", n, new Uint8Array(10));
const open: Server[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});

async function listening(say: string | null): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (say === null) return;
    socket.write(say);
  });
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  return typeof address === "object" && address ? address.port : 0;
}

describe("a door", () => {
  test("answers where a server of SSH speaks first", async () => {
    expect(await sshAnswers("127.0.0.1", await listening("SSH-2.0-OpenSSH_9.2\r\n"))).toBe(true);
  });
  test("does not where another speaks, none does, or nobody listens", async () => {
    expect(await sshAnswers("127.0.0.1", await listening("HTTP/1.1 400 Bad Request\r\n"))).toBe(false);
    expect(await sshAnswers("127.0.0.1", await listening("SSH"))).toBe(false);
    expect(await sshAnswers("127.0.0.1", await listening(null))).toBe(false);
    expect(await sshAnswers("127.0.0.1", 1)).toBe(false);
    expect(await sshAnswers("no.such.host.invalid", 22)).toBe(false);
  });
});

describe("doors that are known", () => {
  const at = { host: "node.example", port: 30_022 };
  test("are asked until they answered once, and never again", async () => {
    let asked = 0;
    const doors = knownDoors(async () => ++asked >= 3);
    expect(await doors.answers(id(1), at)).toBe(true);
    expect(await doors.answers(id(1), at)).toBe(true);
    expect(asked).toBe(3);
  });
  test("are waited for by the first look only: the next one goes on at once", async () => {
    let answer: (answers: boolean) => void = () => {};
    let asked = 0;
    const doors = knownDoors(() => {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    const first = doors.answers(id(1), at);
    expect(await doors.answers(id(1), at)).toBe(false);
    expect(asked).toBe(1); // both by one question
    answer(true);
    expect(await first).toBe(true);
    expect(await doors.answers(id(1), at)).toBe(true);
  });
  test("that never answer hold up eight looks at a time, and no more", async () => {
    const doors = knownDoors(() => new Promise(() => {}));
    const waiting = Array.from({ length: 8 }, (_, n) => doors.answers(id(n), at));
    expect(await doors.answers(id(9), at)).toBe(false);
    let over = false;
    void Promise.all(waiting).then(() => {
      over = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(over).toBe(false);
    expect(await Promise.all(waiting)).toEqual(Array(8).fill(false));
  });
  test("are forgotten with their executions", async () => {
    let asked = 0;
    const doors = knownDoors(async () => ++asked > 0);
    await doors.answers(id(1), at);
    await doors.answers(id(2), at);
    doors.forgetAllBut(new Set([id(1)]));
    await doors.answers(id(1), at);
    expect(asked).toBe(2);
    await doors.answers(id(2), at);
    expect(asked).toBe(3);
  });
});
