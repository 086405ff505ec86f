// One answer in the format that was asked for.
import { stringify } from "yaml";
import type { Io } from "../io.ts";

export const FORMATS = ["table", "wide", "json", "yaml", "name"] as const;
export type Format = (typeof FORMATS)[number];

export interface Answer {
  /** as the wire gave it: what -o json and yaml show */
  readonly data: unknown;
  /** ids, or what stands for one */
  readonly names: readonly string[];
  /** for people */
  readonly text: (wide: boolean) => string;
}

export function formatOf(flags: { readonly output?: string }): Format {
  return FORMATS.find((format) => format === flags.output) ?? "table";
}

export function rendered(format: Format, { data, names, text }: Answer): string {
  switch (format) {
    case "json":
      return `${JSON.stringify(data, null, 2)}\n`;
    case "yaml":
      return stringify(data, { lineWidth: 0 });
    case "name":
      return names.map((name) => `${name}\n`).join("");
    case "table":
    case "wide":
      return text(format === "wide");
  }
}

export function present(io: Pick<Io, "write">, flags: { readonly output?: string }, answer: Answer): void {
  io.write(rendered(formatOf(flags), answer));
}
