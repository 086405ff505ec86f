// The connections into executions: one for each, opened when it is needed and closed when nobody uses it.
import type { BlockList } from "node:net";
import { type Link, openLink, type Way } from "./link.ts";

const IDLE_MS = 60_000;
const MOST_LINKS = 512;
/** Into one execution, those counted that nobody new is led to: its machine may keep them open for ever. */
const MOST_LINKS_EACH = 4;

export interface Links {
  /**
   * The connection into an execution.
   * @returns `known` where others may have used it before: it may have broken unseen
   * @throws Error that says why there is none
   */
  to(way: Way): Promise<{ readonly link: Link; readonly known: boolean }>;
  /** Nobody new is led to it; who uses it may go on. */
  retire(link: Link): void;
  close(): void;
}

interface Kept {
  readonly key: string;
  readonly opening: Promise<Link>;
  link: Link | undefined;
  idle: NodeJS.Timeout | undefined;
}

export function createLinks(listed: BlockList, idleMs = IDLE_MS): Links {
  const all = new Set<Kept>();
  const current = new Map<string, Kept>();

  function forget(one: Kept) {
    if (current.get(one.key) === one) current.delete(one.key);
  }

  function drop(one: Kept) {
    clearTimeout(one.idle);
    all.delete(one);
    forget(one);
    one.link?.close();
  }

  function look(one: Kept) {
    clearTimeout(one.idle);
    const { link } = one;
    if (!link?.alive) return drop(one);
    if (link.used > 0) return;
    if (current.get(one.key) !== one) return drop(one);
    one.idle = setTimeout(() => (link.used === 0 ? drop(one) : undefined), idleMs);
    one.idle.unref();
  }

  /** @throws where all are in use */
  function makeRoom(key: string) {
    const siblings = [...all].filter((one) => one.key === key);
    if (siblings.length >= MOST_LINKS_EACH && siblings[0]) drop(siblings[0]);
    if (all.size < MOST_LINKS) return;
    const unused = [...all].find(({ link }) => link?.used === 0);
    if (!unused) throw new Error("this broker has as many connections as it may");
    drop(unused);
  }

  function open(key: string, way: Way): Kept {
    makeRoom(key);
    const one: Kept = { key, opening: openLink(way, listed), link: undefined, idle: undefined };
    all.add(one);
    current.set(key, one);
    one.opening.then(
      (link) => {
        one.link = link;
        if (!all.has(one)) return link.close(); // everything was closed meanwhile
        link.onChange(() => look(one));
        look(one);
      },
      () => drop(one),
    );
    return one;
  }

  return {
    async to(way) {
      const { host, port, user } = way.endpoint;
      const key = JSON.stringify([way.id, host, port, user, way.hostKey]);
      const there = current.get(key);
      const known = there !== undefined && (there.link === undefined || there.link.alive);
      const one = known ? there : open(key, way);
      return { link: await one.opening, known };
    },
    retire(link) {
      const one = [...all].find((each) => each.link === link);
      if (!one) return;
      forget(one);
      look(one);
    },
    close() {
      for (const one of [...all]) drop(one);
    },
  };
}
