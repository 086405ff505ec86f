import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** DESIGN §7: straight through. */
const MOST_ROOMS = { Rent: 7, Reconcile: 7, Heartbeat: 6, Submit: 6, Dispatch: 6, Result: 7 } as const;
const PORTS = "server/deps.ts";

interface Room {
  readonly file: string;
  readonly name: string;
  readonly from: number | null;
  /** reached by this port, not by an import */
  readonly port: string | undefined;
  /** the file that knows both rooms, where neither imports the other */
  readonly wiredIn: string | undefined;
}

/** The trips of docs/trips.md by their first word. */
function readTrips(text: string): Map<string, Room[]> {
  const trips = new Map<string, Room[]>();
  for (const section of text.split(/^## /m).slice(1)) {
    const rows = section.matchAll(/^\| (\d+) \| `([^`]+)` \| `([^`]+)` \|[^|]*\| (?:(\d+)(.*?))?\|$/gm);
    const rooms = [...rows].map(([, , file = "", name = "", from, how = ""]) => ({
      file,
      name,
      from: from === undefined ? null : Number(from),
      port: /by the port `(\w+)`/.exec(how)?.[1],
      wiredIn: /wired in `([^`]+)`/.exec(how)?.[1],
    }));
    trips.set(section.split(":")[0] ?? "", rooms);
  }
  return trips;
}

function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(join(ROOT, file), "utf8"), ts.ScriptTarget.ES2022, true);
}

/** Our files that a file imports, each with the names it takes. */
function importsOf(file: string): Map<string, string[]> {
  const imports = new Map<string, string[]>();
  for (const statement of parse(file).statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
    if (!statement.moduleSpecifier.text.startsWith(".")) continue;
    const named = statement.importClause?.namedBindings;
    const names = named && ts.isNamedImports(named) ? named.elements.map(({ name }) => name.text) : [];
    imports.set(normalize(join(dirname(file), statement.moduleSpecifier.text)), names);
  }
  return imports;
}

/** Names of the functions and constants that a file exports. */
function exportsOf(file: string): string[] {
  return parse(file).statements.flatMap((statement) => {
    const exported = ts.canHaveModifiers(statement)
      ? ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
      : false;
    if (!exported) return [];
    if (ts.isFunctionDeclaration(statement)) return statement.name ? [statement.name.text] : [];
    if (!ts.isVariableStatement(statement)) return [];
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  });
}

/** Why a room cannot be reached as the page says; undefined where it can. */
function unreachable(room: Room, before: Room): string | undefined {
  const taken = importsOf(before.file);
  if (room.port) {
    if (!taken.has(PORTS)) return `${before.file} knows no ports`;
    return importsOf(room.file).get(PORTS)?.includes(room.port) ? undefined : `${room.file} is no ${room.port}`;
  }
  if (room.wiredIn) {
    const wired = importsOf(room.wiredIn);
    return wired.has(room.file) && wired.has(before.file) ? undefined : `${room.wiredIn} does not know both rooms`;
  }
  return taken.has(room.file) ? undefined : `${before.file} does not import ${room.file}`;
}

const trips = readTrips(readFileSync(join(ROOT, "docs/trips.md"), "utf8"));

test("the page draws the trips that the design bounds, and no other", () => {
  expect([...trips.keys()]).toEqual(Object.keys(MOST_ROOMS));
});

describe.each(Object.entries(MOST_ROOMS))("%s", (trip, most) => {
  const rooms = trips.get(trip) ?? [];

  test(`walks through at most ${most} rooms`, () => {
    expect(rooms.length).toBeGreaterThan(3);
    expect(rooms.length).toBeLessThanOrEqual(most);
    expect(new Set(rooms.map(({ file }) => file)).size).toBe(rooms.length);
  });

  test("every room is there and exports what the page names", () => {
    for (const { file, name } of rooms) {
      expect(existsSync(join(ROOT, file)), file).toBe(true);
      expect(exportsOf(file), file).toContain(name);
    }
  });

  test("every room is reached from an earlier one, as the page says", () => {
    for (const [index, room] of rooms.entries()) {
      if (index === 0) expect(room.from).toBeNull();
      else {
        expect(room.from).toBeLessThanOrEqual(index);
        const before = rooms[(room.from ?? 0) - 1];
        expect(before, room.file).toBeDefined();
        expect(before && unreachable(room, before)).toBeUndefined();
      }
    }
  });
});
