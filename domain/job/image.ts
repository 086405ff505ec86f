// What an image reference says about where it comes from.

/** Where references without a registry come from. */
export const DEFAULT_REGISTRY = "docker.io";

/**
 * The registry of an image reference, by the rule of its grammar: the first part of several is a registry where it has
 * a dot or a port, or is localhost. https://github.com/distribution/reference/blob/v0.6.0/normalize.go
 */
export function registryOf(image: string): string {
  const [first = "", ...rest] = image.split("/");
  const named = rest.length > 0 && (first.includes(".") || first.includes(":") || first === "localhost");
  if (!named) return DEFAULT_REGISTRY;
  return first === "index.docker.io" ? DEFAULT_REGISTRY : first;
}
