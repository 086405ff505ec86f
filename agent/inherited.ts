// What whoever started the agent left open in it: nothing that runs here is to read or write any of that.
import { closeSync, readdirSync, readFileSync } from "node:fs";

/** In the flags of /proc/self/fdinfo, octal: it goes no further than this process. Node opens all of its own so. */
const CLOSE_ON_EXEC = 0o2000000;
const STANDARD = 2;

/** Closes descriptors that would be passed on to every process that is started here. Where there is no /proc, none is. */
export function closeInherited(): void {
  for (const fd of openDescriptors())
    try {
      const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, "utf8"))?.[1];
      if (flags !== undefined && (Number.parseInt(flags, 8) & CLOSE_ON_EXEC) === 0) closeSync(fd);
    } catch {
      // Closed between the look and here: what was wanted.
    }
}

function openDescriptors(): number[] {
  try {
    return readdirSync("/proc/self/fd")
      .map(Number)
      .filter((fd) => fd > STANDARD);
  } catch {
    return [];
  }
}
