// What Next hands a page from its address.
export type SearchParams = Promise<Readonly<Record<string, string | string[] | undefined>>>;

/** The first value of a parameter, or undefined where it is absent or empty. */
export function first(value: string | string[] | undefined): string | undefined {
  const text = (Array.isArray(value) ? value[0] : value)?.trim();
  return text ? text : undefined;
}

/** A path with the parameters that are given. */
export function hrefOf(path: string, params: Readonly<Record<string, string | null | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) if (value) query.set(name, value);
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}
