// A lock file that holds for every machine. npm writes no entry for an optional package that the registry at hand does
// not carry (another platform's binaries), and then refuses the lock file in `npm ci`. Run as a program, this fills in.
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { z } from "zod";

const LockFile = z.looseObject({
  packages: z.record(
    z.string(),
    z.looseObject({
      dev: z.boolean().optional(),
      optionalDependencies: z.record(z.string(), z.string()).optional(),
    }),
  ),
});

/** Keeps the order that npm wrote. */
const AsWritten = z.record(z.string(), z.unknown());

const EXACT_VERSION = /^\d+\.\d+\.\d+(-[\w.]+)?$/;
const SYSTEMS = ["android", "darwin", "freebsd", "linux", "win32"];
const PROCESSORS = ["arm64", "arm", "ia32", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

export interface MissingPackage {
  readonly name: string;
  readonly version: string;
  readonly dev: boolean;
}

/** Optional packages that a package names at one exact version and the lock file does not hold. */
export function missingOptionals(lockFile: string): MissingPackage[] {
  const { packages } = LockFile.parse(JSON.parse(lockFile));
  return Object.entries(packages).flatMap(([path, { dev = false, optionalDependencies = {} }]) =>
    Object.entries(optionalDependencies)
      .filter(([name]) => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`])
      .filter(([, version]) => EXACT_VERSION.test(version))
      .map(([name, version]) => ({ name, version, dev })),
  );
}

/** The lock file with an entry for each of them: other machines look for it, this one passes it over. */
export function complete(lockFile: string): string {
  const lock = AsWritten.parse(JSON.parse(lockFile));
  const entries = Object.entries(AsWritten.parse(lock.packages));
  for (const { name, version, dev } of missingOptionals(lockFile)) {
    const path = `node_modules/${name}`;
    const next = entries.findIndex(([other]) => other.localeCompare(path, "en") > 0);
    const entry = { version, ...platformOf(name), ...(dev ? { dev } : {}), optional: true };
    entries.splice(next < 0 ? entries.length : next, 0, [path, entry]);
  }
  return `${JSON.stringify({ ...lock, packages: Object.fromEntries(entries) }, null, 2)}\n`;
}

/** Read off the name, as every publisher of binaries writes it: `…-linux-x64-musl`. */
function platformOf(name: string): { cpu?: string[]; os?: string[]; libc?: string[] } {
  const words = name.split(/[-/]/);
  const cpu = PROCESSORS.find((processor) => words.includes(processor));
  const os = SYSTEMS.find((system) => words.includes(system));
  return {
    ...(cpu ? { cpu: [cpu] } : {}),
    ...(words.includes("musl") ? { libc: ["musl"] } : {}),
    ...(os ? { os: [os] } : {}),
  };
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  writeFileSync("package-lock.json", complete(readFileSync("package-lock.json", "utf8")));
}
