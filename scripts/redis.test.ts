import { connect } from "node:net";
import { Redis } from "ioredis";
import { expect, test } from "vitest";
import { REDIS_MISSING, startRedis } from "./redis.ts";

test("a server of the tests is a real one, keeps its data over a restart when told to, and is gone when stopped", async () => {
  const server = await startRedis();
  const redis = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: null }); // however often it has to try
  redis.on("error", () => {});
  try {
    await redis.set("a", "1");
    await server.halt("kept");
    await server.resume();
    expect(await redis.get("a")).toBe("1");
    await server.halt("lost");
    await server.resume();
    expect(await redis.get("a")).toBeNull();
  } finally {
    redis.disconnect();
    await server.stop();
  }
  const socket = connect({ port: server.port, host: "127.0.0.1" });
  await expect(new Promise((done, fail) => socket.once("connect", done).once("error", fail))).rejects.toThrow();
});

test("where redis-server is not installed, the tests fail with how to get it", async () => {
  const path = process.env.PATH;
  process.env.PATH = "/nowhere";
  try {
    await expect(startRedis()).rejects.toThrow(REDIS_MISSING);
  } finally {
    process.env.PATH = path;
  }
});
