import { expect, test } from "vitest";
import { readOptions } from "./options.ts";

test("without a word Berth starts a demo, keeps its data in .berth and leaves the port open", () => {
  expect(readOptions([], {})).toEqual({ start: { port: undefined, dataDir: ".berth", reset: false, demo: true } });
});

test("--port wins over PROXY_PORT", () => {
  expect(readOptions(["--port", "9000"], { PROXY_PORT: "9001" })).toMatchObject({
    start: { port: { number: 9000, from: "--port" } },
  });
  expect(readOptions([], { PROXY_PORT: "9001" })).toMatchObject({
    start: { port: { number: 9001, from: "PROXY_PORT" } },
  });
});

test("every option there is can be given at once", () => {
  expect(readOptions(["--data-dir", "/d", "--reset", "--no-demo"], {})).toMatchObject({
    start: { dataDir: "/d", reset: true, demo: false },
  });
});

test("an unknown option is an error that says what there is", () => {
  const asked = readOptions(["--prot", "1"], {});
  expect(asked).toMatchObject({ exitCode: 2 });
  for (const option of ["--prot", "--port", "--data-dir", "--reset", "--no-demo", "--help"]) {
    expect("say" in asked && asked.say).toContain(option);
  }
});

test.each(["0", "65536", "-1", "8080x", "1e3", ""])(
  "%j is no port, and that is said before anything starts",
  (port) => {
    expect(readOptions([`--port=${port}`], {})).toMatchObject({ exitCode: 2, say: expect.stringContaining("port") });
  },
);

test("a PROXY_PORT that is no port is refused by its name", () => {
  expect(readOptions([], { PROXY_PORT: "http" })).toMatchObject({
    exitCode: 2,
    say: expect.stringContaining("PROXY_PORT=http"),
  });
});

test("a word that is no option is refused", () => {
  expect(readOptions(["now"], {})).toMatchObject({ exitCode: 2 });
});

test("--help says what there is and is no error", () => {
  expect(readOptions(["--help"], {})).toMatchObject({ exitCode: 0, say: expect.stringContaining("--data-dir") });
});
