import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { EnvError, parseEnv } from "./env.ts";

const strong = {
  DATABASE_URL: "postgres://berth@db/berth",
  PUBLIC_URL: "https://berth.example",
  BERTH_SECRET_KEY: randomBytes(32).toString("hex"),
  NEXTAUTH_SECRET: randomBytes(32).toString("base64url"),
};

function problemsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    parseEnv(env);
    return [];
  } catch (error) {
    if (error instanceof EnvError) return error.problems;
    throw error;
  }
}
const named = (env: Record<string, string | undefined>) => problemsOf(env).map((problem) => problem.split(":")[0]);

test("outside a demo nothing starts without its secrets, and every problem is named at once", () => {
  expect(named({ ANONYMOUS_ACCOUNT: `0x${"a".repeat(40)}` })).toEqual([
    "DATABASE_URL",
    "PUBLIC_URL",
    "BERTH_SECRET_KEY",
    "NEXTAUTH_SECRET",
    "ANONYMOUS_ACCOUNT",
  ]);
  expect(problemsOf(strong)).toEqual([]);
});

test("a default, short or simple secret is refused outside a demo", () => {
  const demo = parseEnv({ DATABASE_URL: strong.DATABASE_URL, BERTH_DEMO: "1" });
  expect(named({ ...strong, BERTH_SECRET_KEY: demo.secretKey, NEXTAUTH_SECRET: demo.nextAuthSecret })).toEqual([
    "BERTH_SECRET_KEY",
    "NEXTAUTH_SECRET",
  ]);
  expect(named({ ...strong, BERTH_SECRET_KEY: "0".repeat(64) })).toEqual(["BERTH_SECRET_KEY"]);
  expect(named({ ...strong, NEXTAUTH_SECRET: "please-changeme-please-changeme-0123" })).toEqual(["NEXTAUTH_SECRET"]);
  expect(named({ ...strong, NEXTAUTH_SECRET: "short" })).toEqual(["NEXTAUTH_SECRET"]);
  expect(named({ ...strong, BERTH_SECRET_KEY: "abc" })).toEqual(["BERTH_SECRET_KEY"]);
});

test("the images of templates are the machine's own where no registry is named, and a registry is one by its form", () => {
  expect(parseEnv(strong).workspaceRegistry).toBe("localhost");
  for (const registry of ["registry.example", "registry.example:5000/berth/images", "ghcr.io/some-body"])
    expect(parseEnv({ ...strong, WORKSPACE_REGISTRY: registry }).workspaceRegistry).toBe(registry);
  for (const wrong of ["https://registry.example", "registry.example/", "Registry.example", "a b", "-x"])
    expect(named({ ...strong, WORKSPACE_REGISTRY: wrong })).toEqual(["WORKSPACE_REGISTRY"]);
});

test("outside a demo jobs are served only at a domain that shares no cookie with the console", () => {
  const at = (APPS_DOMAIN: string, PUBLIC_URL = "https://console.berth.example") =>
    named({ ...strong, APPS_DOMAIN, PUBLIC_URL });
  for (const shared of ["console.berth.example", "berth.example", "x.console.berth.example", "example"])
    for (const port of ["", ":8443"]) expect(at(`${shared}${port}`), shared).toEqual(["APPS_DOMAIN"]);
  for (const sibling of ["jobs.berth.example", "a.b.berth.example"]) expect(at(sibling)).toEqual(["APPS_DOMAIN"]);
  expect(at("localhost", "http://localhost:8080")).toEqual(["APPS_DOMAIN"]);
  expect(at("jobs.co.uk", "https://berth.co.uk")).toEqual([]); // nobody may set cookies for all of co.uk
  for (const apart of ["berth-apps.example", "xberth.example", "berth.example.net:8443"]) expect(at(apart)).toEqual([]);
  expect(parseEnv({ ...strong, APPS_DOMAIN: "berth-apps.example" }).appsDomain).toBe("berth-apps.example");
  expect(parseEnv(strong).appsDomain).toBeNull();
  for (const wrong of ["https://berth-apps.example", "*.berth-apps.example", "berth-apps.example/", "-x.example"])
    expect(at(wrong)).toEqual(["APPS_DOMAIN"]);
});

test("a demo listens on this machine only, and needs nothing but a database", () => {
  const demo = parseEnv({ DATABASE_URL: strong.DATABASE_URL, BERTH_DEMO: "true", PORT: "8123" });
  expect(demo).toMatchObject({
    demo: true,
    bindHost: "127.0.0.1",
    publicUrl: "http://127.0.0.1:8123",
    platformFeeBps: 1000,
  });
  expect(named({ DATABASE_URL: strong.DATABASE_URL, BERTH_DEMO: "1", HOST: "0.0.0.0" })).toEqual(["HOST"]);
});

test("the seed's names work too, and a password may hold any character", () => {
  const env = parseEnv({
    ...strong,
    DATABASE_URL: "",
    POSTGRES_HOST: "db",
    POSTGRES_PASSWORD: "p@ss/w:rd",
    POSTGRES_DB: "b",
    PROXY_PORT: "9",
  });
  expect(env.databaseUrl).toBe("postgres://postgres:p%40ss%2Fw%3Ard@db:5432/b");
  expect(env.port).toBe(9);
});

test("lists are read and checked item by item", () => {
  const operator = `0x${"Ab".repeat(20)}`;
  expect(
    parseEnv({ ...strong, OPERATOR_ADDRESSES: ` ${operator} ,`, TRUSTED_PROXIES: "10.0.0.0/8, ::1" }),
  ).toMatchObject({
    operators: [operator.toLowerCase()],
    trustedProxies: ["10.0.0.0/8", "::1"],
  });
  for (const proxies of ["10.0.0.0/64", "10.0.0/8", "everyone", "10.0.0.0/8/8", "::1/x"])
    expect(named({ ...strong, TRUSTED_PROXIES: proxies }), proxies).toEqual(["TRUSTED_PROXIES"]);
  expect(named({ ...strong, OPERATOR_ADDRESSES: "0x12" })).toEqual(["OPERATOR_ADDRESSES"]);
  expect(named({ ...strong, PORT: "70000", PLATFORM_FEE_BPS: "10001", BERTH_DEMO: "maybe" })).toEqual([
    "PORT",
    "BERTH_DEMO",
    "PLATFORM_FEE_BPS",
  ]);
});

test("logins belong to one origin", () => {
  expect(named({ ...strong, NEXTAUTH_URL: "https://elsewhere.example" })).toEqual(["NEXTAUTH_URL"]);
  expect(named({ ...strong, PUBLIC_URL: "https://berth.example/path" })).toEqual(["PUBLIC_URL"]);
});
