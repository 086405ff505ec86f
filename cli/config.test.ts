import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { configPath, readConfig, writeConfig } from "./config.ts";
import { brokerOf, originOf } from "./session.ts";

const LOGIN = { kind: "session", token: "t", account: null, expires_at: null } as const;
let home: string;
const said: string[] = [];
const io = () => ({ env: { XDG_CONFIG_HOME: home }, tell: (line: string) => void said.push(line) });

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "berth-config-"));
  said.length = 0;
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

describe("the file of logins", () => {
  test("is readable by its owner only, whatever the umask, and so is its folder", async () => {
    const before = process.umask(0);
    try {
      await writeConfig(io().env, { current: "http://a", brokers: { "http://a": LOGIN } });
    } finally {
      process.umask(before);
    }
    const path = configPath(io().env);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(readdirSync(dirname(path))).toEqual(["config.json"]);
    expect(await readConfig(io())).toEqual({ current: "http://a", brokers: { "http://a": LOGIN } });
  });

  test("that others can read is used with a warning, and is closed when it is written again", async () => {
    await writeConfig(io().env, { brokers: {} });
    chmodSync(configPath(io().env), 0o644);
    await readConfig(io());
    expect(said).toEqual([expect.stringContaining("chmod 600")]);
    await writeConfig(io().env, { brokers: {} });
    expect(statSync(configPath(io().env)).mode & 0o777).toBe(0o600);
  });

  test("that is not there is empty, and one that is broken is told and left alone", async () => {
    expect(await readConfig(io())).toEqual({ brokers: {} });
    mkdirSync(join(home, "berth"));
    writeFileSync(configPath(io().env), "{");
    await expect(readConfig(io())).rejects.toThrow("is not a config");
    expect(existsSync(configPath(io().env))).toBe(true);
  });

  test("lies under HOME where XDG names no absolute folder", () => {
    expect(configPath({ HOME: "/home/me", XDG_CONFIG_HOME: "relative" })).toBe("/home/me/.config/berth/config.json");
    expect(() => configPath({})).toThrow("HOME");
  });
});

test("the broker is the flag's, else the environment's, else the last login's, else a demo here", () => {
  const config = { current: "https://kept.example" };
  expect(brokerOf({ broker: "https://flag.example" }, { BERTH_URL: "https://env.example" }, config)).toBe(
    "https://flag.example",
  );
  expect(brokerOf({}, { BERTH_URL: "https://env.example/" }, config)).toBe("https://env.example");
  expect(brokerOf({}, { BERTH_URL: "" }, config)).toBe("https://kept.example");
  expect(brokerOf({}, {}, {})).toBe("http://127.0.0.1:8080");
});

test("an address is an origin: without a scheme encrypted but for this machine, and nothing hidden in it", () => {
  expect(["berth.example", "localhost:9000", "HTTPS://Berth.example:443/"].map(originOf)).toEqual([
    "https://berth.example",
    "http://localhost:9000",
    "https://berth.example",
  ]);
  for (const wrong of ["", "ftp://a", "https://a/path", "https://me:secret@a", "https://a?b", "http://"])
    expect(() => originOf(wrong), wrong).toThrow("no address of a broker");
});
