import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatId, isId } from "../ids.ts";
import { type AppsPlace, appsPlace, hostOfJob, jobOfHost, originOfJob, related } from "./port-host.ts";

const jobIds = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 48 - 1 }), fc.uint8Array({ minLength: 10, maxLength: 10 }))
  .map(([atMs, random]) => formatId("job", atMs, random));
/** What begins with `xn--` is a name in another script, and no label at all where it is not punycode. */
const labels = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?$/).filter((label) => !label.startsWith("xn--"));
/** The last label of a DNS name is never a number. */
const domains = fc.array(labels, { maxLength: 3 }).map((parts) => [...parts, "test"].join("."));
const places = fc
  .tuple(domains, fc.option(fc.integer({ min: 1, max: 65_535 })), fc.constantFrom("http", "https"))
  .map(([domain, port, scheme]) => appsPlace(port === null ? domain : `${domain}:${port}`, `${scheme}://console.test`))
  .filter((place): place is AppsPlace => place !== null);
const ID = formatId("job", 1, new Uint8Array(10));
const LABEL = ID.replace("_", "-");

describe("the host of a job", () => {
  test("leads back to the job, however it is written, and is a DNS name", () => {
    fc.assert(
      fc.property(places, jobIds, (place, id) => {
        const host = hostOfJob(place, id);
        expect(jobOfHost(place, host)).toBe(id);
        expect(jobOfHost(place, host.toUpperCase())).toBe(id);
        expect(new URL(`${place.scheme}://${host}`).host).toBe(host); // with no port that a browser would leave out
        expect(originOfJob(place, id)).toBe(new URL(originOfJob(place, id)).origin);
        expect(host.split(".")[0]?.length).toBeLessThanOrEqual(63);
      }),
    );
  });
  test("is the only one that leads to the job", () => {
    fc.assert(
      fc.property(places, jobIds, fc.oneof(fc.string(), fc.webAuthority(), domains), (place, id, text) => {
        const host = hostOfJob(place, id);
        for (const other of [text, `${text}.${host}`, `${host}${text}`, `${LABEL}.${text}`, host.replace("-", "_")]) {
          const found = jobOfHost(place, other);
          if (found !== null) expect(hostOfJob(place, found)).toBe(other.toLowerCase());
        }
        expect(jobOfHost(place, `x${host}`)).toBeNull();
        expect(jobOfHost(place, `x.${host}`)).toBeNull();
        expect(jobOfHost(place, `${host}.`)).toBeNull();
        expect(jobOfHost(place, place.parent)).toBeNull();
      }),
    );
  });
  test("two jobs never share one", () => {
    fc.assert(
      fc.property(places, jobIds, jobIds, (place, one, other) => {
        expect(hostOfJob(place, one) === hostOfJob(place, other)).toBe(one === other);
      }),
    );
  });
  test.each([
    ["berth-apps.example", "https://berth.example", `https://${LABEL}.apps.berth-apps.example`],
    ["berth-apps.example:8443", "https://berth.example", `https://${LABEL}.apps.berth-apps.example:8443`],
    ["berth-apps.example:443", "https://berth.example:9443", `https://${LABEL}.apps.berth-apps.example`],
    ["berth-apps.example", "http://berth.example:8080", `http://${LABEL}.apps.berth-apps.example:8080`],
    ["localhost", "http://127.0.0.1:8080", `http://${LABEL}.localhost:8080`],
    ["localhost", "http://127.0.0.1", `http://${LABEL}.localhost`],
  ])("of %s beside %s is %s", (domain, publicUrl, origin) => {
    const place = appsPlace(domain, publicUrl);
    expect(place && originOfJob(place, ID)).toBe(origin);
  });
  test("is nowhere where ports are off", () => expect(appsPlace(null, "https://berth.example")).toBeNull());
});

test("hosts are related where one is the other or below it, and only there", () => {
  fc.assert(
    fc.property(domains, domains, (one, other) => {
      expect(related(one, one)).toBe(true);
      expect(related(`${one}.${other}`, other)).toBe(true);
      expect(related(one, other)).toBe(related(other, one));
      expect(related(`a.${other}`, `b.${other}`)).toBe(false);
      expect(related(`x${other}`, other)).toBe(false);
    }),
  );
});

test("what looks like an id and is none has no host", () => {
  const place = appsPlace("berth-apps.example", "https://berth.example");
  for (const label of ["job-", `exec-${LABEL.slice(4)}`, LABEL.slice(4), `${LABEL}0`, LABEL.replace("-", "--")]) {
    expect(isId("job", label)).toBe(false);
    expect(place && jobOfHost(place, `${label}.apps.berth-apps.example`)).toBeNull();
  }
});
