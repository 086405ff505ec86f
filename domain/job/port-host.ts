// The host of its own at which a job's HTTP port is served: the job's id as a DNS label, under a domain that shares nothing
// with the console.
import { isId, type JobId } from "../ids.ts";

/** Where ports of jobs are served. */
export interface AppsPlace {
  readonly scheme: "http" | "https";
  /** what follows a job's label: `apps.berth-apps.example`, in a demo `localhost` */
  readonly parent: string;
  /** with its colon; empty where it is the scheme's usual one */
  readonly port: string;
}

const USUAL = { http: "80", https: "443" } as const;

/**
 * @param domain of the operator, with a port where it is not that of `publicUrl`; null: ports are off
 * @param publicUrl origin of the console: its scheme counts, and its port where the domain names none
 */
export function appsPlace(domain: string | null, publicUrl: string): AppsPlace | null {
  if (domain === null) return null;
  const { protocol, port: shown } = new URL(publicUrl);
  const scheme = protocol === "https:" ? "https" : "http";
  const [name = "", named] = domain.split(":");
  const port = named ?? shown;
  return {
    scheme,
    parent: name === "localhost" ? name : `apps.${name}`,
    port: port === "" || port === USUAL[scheme] ? "" : `:${port}`,
  };
}

/** As browsers send it: the port only where it is not the usual one. */
export function hostOfJob({ parent, port }: AppsPlace, id: JobId): string {
  return `${id.replace("_", "-")}.${parent}${port}`;
}

export function originOfJob(place: AppsPlace, id: JobId): string {
  return `${place.scheme}://${hostOfJob(place, id)}`;
}

/** @param host as a request has it. @returns null for every host that is no job's */
export function jobOfHost(place: AppsPlace, host: string): JobId | null {
  const asked = host.toLowerCase();
  const id = asked.slice(0, asked.indexOf(".")).replace("-", "_");
  return isId("job", id) && hostOfJob(place, id) === asked ? id : null;
}

/** Whether one of two DNS names is the other, or below it: browsers let such hosts share cookies. */
export function related(one: string, other: string): boolean {
  return one === other || one.endsWith(`.${other}`) || other.endsWith(`.${one}`);
}
