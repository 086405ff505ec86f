// Which paths are the wire's, and which operation a method and a path mean. Static segments win over parameters.
import { AppError } from "../../domain/errors.ts";
import { OPERATION_NAMES, type OperationName, operations, pathOf } from "../../protocol/operations.ts";

export interface Route {
  /** by method, HEAD left to GET */
  readonly methods: ReadonlyMap<string, OperationName>;
  /** still as sent, decoded */
  readonly params: Readonly<Record<string, string>>;
}

interface Pattern {
  readonly segments: readonly string[];
  readonly methods: Map<string, OperationName>;
}

const PATTERNS: readonly Pattern[] = patterns();

function patterns(): Pattern[] {
  const byPath = new Map<string, Pattern>();
  for (const name of OPERATION_NAMES) {
    const path = pathOf(name);
    const pattern = byPath.get(path) ?? { segments: path.slice(1).split("/"), methods: new Map() };
    pattern.methods.set(operations[name].method, name);
    byPath.set(path, pattern);
  }
  const parameters = ({ segments }: Pattern) =>
    segments.map((segment) => (segment.startsWith(":") ? "1" : "0")).join("");
  return [...byPath.values()].sort((a, b) => (parameters(a) < parameters(b) ? -1 : 1));
}

/**
 * @param path as sent, without its query
 * @returns null where no operation has such a path
 * @throws AppError `bad-request` for malformed percent-encoding
 */
export function findRoute(path: string): Route | null {
  const segments = path.slice(1).split("/").map(decoded);
  const pattern = PATTERNS.find(
    (candidate) =>
      candidate.segments.length === segments.length &&
      candidate.segments.every((wanted, i) => (wanted.startsWith(":") ? segments[i] !== "" : wanted === segments[i])),
  );
  if (!pattern) return null;
  const params = pattern.segments.flatMap((wanted, i) =>
    wanted.startsWith(":") ? [[wanted.slice(1), segments[i] ?? ""] as const] : [],
  );
  return { methods: pattern.methods, params: Object.fromEntries(params) };
}

const ROOT_PATHS = ["/health", "/ready", "/metrics", "/stats", "/openapi.json"];

/** Whether a path is the wire's; everything else is a page's. */
export function isWirePath(path: string): boolean {
  if (ROOT_PATHS.includes(withoutSlash(path))) return true;
  return path === "/api/v1" || path.startsWith("/api/v1/");
}

/** The seed's clients may be given an address that ends with one: it is the same path, for reads and for the rest. */
export function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}

/** What `Allow` says. */
export function allowed(route: Route): string {
  const methods = [...route.methods.keys()];
  return [...methods, ...(methods.includes("GET") ? ["HEAD"] : []), "OPTIONS"].join(", ");
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new AppError("bad-request", "The path is not well percent-encoded.");
  }
}
