// Who gets in at a job's host, over real sockets and a real database.
import { eq } from "drizzle-orm";
import { afterAll, beforeAll, expect, test } from "vitest";
import { AppError } from "../../../domain/errors.ts";
import type { JobId } from "../../../domain/ids.ts";
import { executions, portGrants } from "../../../drizzle/schema/job.ts";
import { insertSession } from "../../repos/sessions.ts";
import { hashToken } from "../../usecases/account/tokens.ts";
import { openPort } from "../../usecases/job/open-port.ts";
import { stopJob } from "../../usecases/job/stop-job.ts";
import { forgetOldRows } from "../../usecases/system/forget-old-rows.ts";
import { fromItself, type Harbour, openHarbour, PORT } from "./testing.ts";

let harbour: Harbour;
let job: JobId;
let host: string;
beforeAll(async () => {
  harbour = await openHarbour();
  job = await harbour.rent((_request, reply) => void reply.end("the job itself"));
  host = harbour.host(job);
});
afterAll(() => harbour[Symbol.asyncDispose]());

const ask = (path: string, headers: Record<string, string> = {}, method = "GET") =>
  harbour.ask(host, path, { headers, method });
const HTML = { accept: "text/html" };

test("the link of its owner leads in once, and leaves a cookie of that very host", async () => {
  const { url, expires_at } = await openPort(harbour.deps, harbour.owner, job);
  expect(url).toMatch(new RegExp(`^http://${host}/\\.berth/open\\?ticket=[A-Za-z0-9_-]{43}$`));
  expect(Date.parse(expires_at) - harbour.deps.clock.now().getTime()).toBe(60_000);
  const path = url.slice(`http://${host}`.length);
  expect((await ask(path, {}, "HEAD")).status).toBe(404); // a look ahead uses nothing up
  const entered = await ask(path);
  expect([entered.status, entered.headers.location]).toEqual([303, "/"]);
  expect(entered.headers).toMatchObject({ "referrer-policy": "no-referrer", "cache-control": "no-store" });
  const [cookie = "", ...more] = entered.headers["set-cookie"] ?? [];
  expect(more).toEqual([]);
  expect(cookie).toMatch(/^berth_port=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Lax$/);
  const session = cookie.split(";")[0] ?? "";
  expect((await ask("/", { cookie: session })).text).toBe("the job itself");
  const again = await ask(path);
  expect(again.status).toBe(401);
  expect(again.headers["set-cookie"]).toBeUndefined();
  expect((await ask(path, { cookie: session })).status).toBe(303); // who is in, and loads the link again, stays in
  const rows = await harbour.wire.world.db.select().from(portGrants);
  const kept = JSON.stringify(rows);
  for (const secret of [path.split("=")[1] ?? "-", session.split("=")[1] ?? "-"]) expect(kept).not.toContain(secret);
});

test("the wire gives its owner the link, and nobody else", async () => {
  const { wire, deps, owner } = harbour;
  const expiresAt = new Date(deps.clock.now().getTime() + 60_000);
  const session = { account: owner.account, createdAt: deps.clock.now(), expiresAt };
  await deps.db.transaction((tx) => insertSession(tx, { ...session, tokenHash: hashToken("the-owners") }));
  const { token: stranger } = await wire.login();
  const path = `/api/v1/jobs/${job}/port`;
  const given = await wire.ask(path, { method: "POST", token: "the-owners" });
  expect(given.status).toBeLessThan(300);
  expect(given.headers["cache-control"]).toBe("no-store");
  const { pathname, search } = new URL(given.json.url);
  expect((await ask(pathname + search)).status).toBe(303);
  expect((await wire.ask(path, { method: "POST" })).status).toBe(401);
  expect((await wire.ask(path, { method: "POST", token: stranger })).status).toBe(404);
});

test("over https the cookie is secure, and no other host can set it", async () => {
  await using secure = await openHarbour({
    ...{ publicUrl: "https://berth.example", appsDomain: "berth-apps.example", demo: false },
  });
  const other = await secure.rent((_request, reply) => void reply.end("secure"));
  expect(secure.host(other)).toMatch(/^job-\w{26}\.apps\.berth-apps\.example$/);
  const { headers } = await secure.ask(secure.host(other), await secure.link(other));
  const cookie = headers["set-cookie"]?.[0] ?? "";
  expect(cookie).toMatch(/^__Host-berth_port=[\w-]{43}; Path=\/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure$/);
  const session = cookie.split(";")[0] ?? "";
  expect((await secure.ask(secure.host(other), "/", { headers: { cookie: session } })).text).toBe("secure");
  const plain = session.replace("__Host-", "");
  expect((await secure.ask(secure.host(other), "/", { headers: { cookie: plain } })).status).toBe(401);
});

test("a ticket is good for a minute, for its own job, and for one of twenty who come at once", async () => {
  const other = await harbour.rent(null);
  const link = await harbour.link(job);
  expect((await harbour.ask(harbour.host(other), link)).status).toBe(401); // and not used up by it
  for (const raced of [link, await harbour.link(job), await harbour.link(job), await harbour.link(job)]) {
    const race = await Promise.all(Array.from({ length: 20 }, () => ask(raced)));
    expect(race.map(({ status }) => status).sort()).toEqual([303, ...Array.from({ length: 19 }, () => 401)]);
  }
  const old = await harbour.link(job);
  harbour.wire.world.pass(60_000);
  expect((await ask(old)).status).toBe(401);
  for (const wrong of ["", "?ticket=", "?ticket=x", "?ticket=%00", `?ticket=${"a".repeat(4_000)}`])
    expect((await ask(`/.berth/open${wrong}`)).status, wrong).toBe(401);
});

test("without a session there is nothing but a page that says how to open it", async () => {
  for (const cookie of [undefined, "berth_port=", `berth_port=${"x".repeat(43)}`, "__Host-berth_port=x", "other=1"]) {
    const { status, text, headers } = await ask("/secret", { ...HTML, ...(cookie ? { cookie } : {}) });
    expect(status).toBe(401);
    expect(text).toContain("Open it from the page of the rental");
    expect(text).toContain(`${harbour.deps.settings.publicUrl}/jobs/${job}`);
    expect(text).not.toContain("<script");
    expect(headers["content-security-policy"]).toContain("default-src 'none'");
  }
  const plain = await ask("/secret");
  expect([plain.status, plain.headers["content-type"]]).toEqual([401, "text/plain; charset=utf-8"]);
});

test("a session of one job opens no other, and beside a stranger's cookie one's own still counts", async () => {
  const other = await harbour.rent((_request, reply) => void reply.end("the other"));
  const [mine, its] = [await harbour.enter(job), await harbour.enter(other)];
  expect((await ask("/", { cookie: its })).status).toBe(401);
  expect((await ask("/", { cookie: `${its}; ${mine}` })).text).toBe("the job itself");
  const asTicket = mine.split("=")[1] ?? "";
  expect((await ask(`/.berth/open?ticket=${asTicket}`)).status).toBe(401);
  const asSession = (await harbour.link(job)).split("=")[1] ?? "";
  expect((await ask("/", { cookie: `berth_port=${asSession}` })).status).toBe(401);
});

test("a session is good for twelve hours, and what is over is forgotten", async () => {
  const cookie = await harbour.enter(job);
  harbour.wire.world.pass(12 * 3_600_000 - 1_000);
  const later = await harbour.enter(job); // the job of the world runs on
  expect((await ask("/", { cookie: later })).status).toBe(200);
  harbour.wire.world.pass(1_000);
  const port = await harbour.replica(); // it believes nothing yet
  expect((await harbour.ask(host, "/", { headers: { cookie }, port })).status).toBe(401);
  expect((await harbour.ask(host, "/", { headers: { cookie: later }, port })).status).toBe(200);
  harbour.wire.world.pass(13 * 3_600_000);
  await forgetOldRows(harbour.deps);
  expect(await harbour.wire.world.db.select().from(portGrants)).toEqual([]);
});

test("a job that is over says so to who was in, and nothing to anybody else", async () => {
  const ended = await harbour.rent((_request, reply) => void reply.end("still here"));
  const cookie = await harbour.enter(ended);
  const at = harbour.host(ended);
  await stopJob(harbour.deps, harbour.owner, ended);
  await harbour.wire.world.settleRings();
  const told = await harbour.ask(at, "/", { headers: { cookie, ...HTML } });
  expect(told.status).toBe(410);
  expect(told.text).toContain("The rental does not run.");
  expect((await harbour.ask(at, "/")).status).toBe(401);
  await expect(openPort(harbour.deps, harbour.owner, ended)).rejects.toMatchObject({ code: "conflict" });
});

test("a provider out of reach is waited for", async () => {
  const away = await harbour.rent((_request, reply) => void reply.end("here"));
  const cookie = await harbour.enter(away);
  const { db } = harbour.wire.world;
  await db.update(executions).set({ status: "unreachable" }).where(eq(executions.jobId, away));
  const told = await harbour.ask(harbour.host(away), "/", { headers: { cookie, ...HTML } });
  expect([told.status, told.headers.refresh]).toEqual([503, "3"]);
});

test("no link without a port, for another's job, or where ports are off", async () => {
  const none = await harbour.rent(null, null);
  await expect(openPort(harbour.deps, harbour.owner, none)).rejects.toMatchObject({
    ...{ code: "conflict", detail: expect.stringContaining("without an HTTP port") },
  });
  const stranger = await harbour.wire.world.customer(2);
  await expect(openPort(harbour.deps, stranger, job)).rejects.toMatchObject({ code: "not-found" });
  const off = { ...harbour.deps, settings: { ...harbour.deps.settings, appsDomain: null } };
  await expect(openPort(off, harbour.owner, job)).rejects.toMatchObject({
    ...{ code: "conflict", detail: expect.stringContaining("APPS_DOMAIN") },
  });
});

test("a page of another origin may lead here and do nothing else", async () => {
  const cookie = await harbour.enter(job);
  const sibling = { "sec-fetch-site": "same-site" };
  const led = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
  expect((await ask("/", { cookie, "sec-fetch-site": "cross-site", ...led })).status).toBe(200);
  for (const headers of [
    { ...sibling, "sec-fetch-mode": "cors" },
    { ...sibling, "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe" },
    { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "script" },
    { origin: harbour.deps.settings.publicUrl },
    { origin: "null", ...sibling },
  ]) {
    expect((await ask("/", { cookie, ...headers, ...{} })).status, JSON.stringify(headers)).toBe(403);
    expect((await ask("/", { cookie, ...headers, ...led }, "POST")).status, JSON.stringify(headers)).toBe(403);
  }
  expect((await ask("/", { cookie }, "POST")).status).toBe(403); // nobody vouches for it
  expect((await ask("/", fromItself(host, cookie), "POST")).status).toBe(200);
  expect((await ask("/", { cookie, origin: "null", "sec-fetch-site": "same-origin" }, "POST")).status).toBe(200);
  expect((await ask("/", { cookie, origin: `http://x${host}`, "sec-fetch-site": "same-origin" }, "POST")).status).toBe(
    403,
  );
});

test("the console is at no job's host, and no job at the console's or at any other", async () => {
  const cookie = await harbour.enter(job);
  for (const path of ["/api/v1/health", "/health", "/ready", "/metrics", "/openapi.json", "/jobs"])
    expect((await ask(path)).status, path).toBe(401);
  expect((await ask("/api/v1/jobs", { cookie })).text).toBe("the job itself");
  expect((await ask("/.berth/else", { cookie })).status).toBe(404);
  const console = new URL(harbour.deps.settings.publicUrl).host;
  expect((await harbour.ask(console, "/", { headers: { cookie } })).text).toBe("a page of the console");
  const at = host.slice(host.indexOf(".")); // .localhost and the port
  for (const other of [
    `x${at}`,
    `job-x${at}`,
    `a.${host}`,
    host.split(":")[0] ?? "",
    `${host}.`,
    host.replace("-", "_"),
  ])
    expect((await harbour.ask(other, "/", { headers: { cookie } })).status, other).toBe(421);
  const never = `job-${"0".repeat(26)}${at}`; // well formed, and nobody's
  expect((await harbour.ask(never, "/", { headers: { cookie } })).status).toBe(401);
});

test("where nothing listens yet, a page says so and tries again", async () => {
  const quiet = await harbour.rent(null);
  const told = await harbour.ask(harbour.host(quiet), "/", {
    headers: { cookie: await harbour.enter(quiet), ...HTML },
  });
  expect([told.status, told.headers.refresh]).toEqual([502, "3"]);
  expect(told.text).toContain(`Nothing listens on 127.0.0.1:${PORT} yet.`);
});

test("who cannot be reached for reasons of ours is told to try again, and no more", async () => {
  const cookie = await harbour.enter(job);
  harbour.inside.failing = new AppError("unavailable", "10.0.0.7 refused us");
  const told = await ask("/", { cookie, ...HTML });
  harbour.inside.failing = null;
  expect([told.status, told.headers.refresh]).toEqual([503, "3"]);
  expect(told.text).not.toContain("10.0.0.7");
});
