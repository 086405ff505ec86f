// "4090" means the one model that is on offer and has that in its name.
import type { BerthClient } from "../protocol/client.ts";
import { CliError } from "./errors.ts";

/** The whole name as it is; else the only model that holds the text. What nobody offers is left to the broker to refuse. */
export function pickModel(text: string, models: readonly string[]): string {
  const wanted = text.trim().toLowerCase();
  const exact = models.find((model) => model.toLowerCase() === wanted);
  if (exact) return exact;
  const fit = models.filter((model) => model.toLowerCase().includes(wanted));
  const [only, ...more] = fit;
  if (only === undefined) return text;
  if (more.length > 0)
    throw new CliError(`'${text}' means more than one GPU model.`, { details: fit, remedy: "Say which." });
  return only;
}

export async function modelNamed(client: BerthClient, text: string): Promise<string> {
  const { facets } = await client.searchProviders({ query: { limit: "1" } });
  return pickModel(text, Object.keys(facets.gpu));
}
