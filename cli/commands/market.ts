// offers and rent: what there is, and taking it.
import { readFile } from "node:fs/promises";
import { Option } from "commander";
import type { z } from "zod";
import { MARKET_SORTS } from "../../domain/placement/facets.ts";
import { PROVIDER_STATUSES, RUNTIMES } from "../../domain/provider/state.ts";
import type { OfferView } from "../../protocol/market-views.ts";
import type { SearchQuery } from "../../protocol/operations/provider.ts";
import { type CreateFlags, created, withCreateFlags } from "../create.ts";
import { type EnvFlags, envOf, withEnvFlags } from "../env-flags.ts";
import { CliError } from "../errors.ts";
import { estimateAnswer } from "../estimate.ts";
import { toldAsTyped } from "../flag-names.ts";
import { modelNamed } from "../gpu-name.ts";
import { type RentFlags, rentalBody } from "../job-flags.ts";
import { present } from "../output/present.ts";
import { type Column, renderTable } from "../output/table.ts";
import { money, painted } from "../output/words.ts";
import { type PageFlags, readPages, withPageFlags } from "../pages.ts";
import { type Cli, collect, price, wholeNumber } from "../program.ts";

interface OfferFlags {
  readonly gpu?: readonly string[];
  readonly region?: readonly string[];
  readonly provider?: readonly string[];
  readonly minVram?: number;
  readonly minGpus?: number;
  readonly minCpu?: number;
  readonly minMemory?: number;
  readonly minDisk?: number;
  readonly maxPrice?: string;
  readonly minReputation?: number;
  readonly status?: (typeof PROVIDER_STATUSES)[number];
  readonly runtime?: (typeof RUNTIMES)[number];
  readonly sandboxed?: boolean;
  readonly confirmed?: boolean;
  readonly hours?: number;
  readonly sort?: (typeof MARKET_SORTS)[number];
}

const OFFER_COLUMNS: readonly Column<OfferView>[] = [
  { title: "GPU", cell: ({ gpu_model }) => gpu_model ?? "none", min: 12 },
  { title: "FREE", cell: (o) => (o.gpu_model === null ? "" : `${o.available_gpus}/${o.total_gpus}`), right: true },
  { title: "$/H", cell: (o) => money(o.gpu_model === null ? o.price_per_cpu_hour : o.price_per_gpu_hour), right: true },
  {
    title: "VRAM",
    cell: (o) => (o.gpu_vram_mb === 0 ? "" : `${Math.round(o.gpu_vram_mb / 1024)}G`),
    right: true,
    drop: 3,
  },
  { title: "CORES", cell: ({ cpu_cores_free }) => String(cpu_cores_free), right: true, drop: 4 },
  { title: "MEM", cell: ({ memory_gb_free }) => `${memory_gb_free}G`, right: true, drop: 5 },
  { title: "REGION", cell: ({ region }) => region, min: 6, drop: 2 },
  { title: "REP", cell: ({ reputation }) => String(reputation), right: true, drop: 6 },
  {
    title: "STATUS",
    cell: ({ status }) => status,
    min: 6,
    drop: 7,
    paint: ({ status }, shown, colours) => painted(status, colours, shown),
  },
  { title: "PROVIDER", cell: ({ provider_name }) => provider_name, min: 8, drop: 1 },
  { title: "DISK", cell: ({ disk_gb_free }) => `${disk_gb_free}G`, right: true, wide: true },
  { title: "RUNTIME", cell: ({ runtime }) => runtime, wide: true },
  { title: "DECLARED", cell: ({ declared }) => (declared ? "yes" : "no"), wide: true },
  { title: "SANDBOX", cell: ({ sandboxed }) => (sandboxed ? "yes" : "no"), wide: true },
  { title: "PROVIDER ID", cell: ({ provider_id }) => provider_id, wide: true },
];

export function addMarket(cli: Cli): void {
  const offers = cli
    .add("offers", "what machines offer and how much of it is free, cheapest first")
    .option("--gpu <model>", "a GPU model or a part of its name; may be repeated", collect)
    .option("--region <region>", "may be repeated", collect)
    .option("--provider <id>", "may be repeated", collect)
    .option("--min-vram <gb>", "of each GPU", wholeNumber)
    .option("--min-gpus <n>", "free ones", wholeNumber)
    .option("--min-cpu <cores>", "free ones", wholeNumber)
    .option("--min-memory <gb>", "free", wholeNumber)
    .option("--min-disk <gb>", "free", wholeNumber)
    .option("--max-price <usd>", "of a GPU hour, or a core hour where there are cores only", price)
    .option("--min-reputation <n>", "", wholeNumber)
    .addOption(new Option("--status <status>", "").choices([...PROVIDER_STATUSES]))
    .addOption(new Option("--runtime <runtime>", "").choices([...RUNTIMES]))
    .option("--sandboxed", "with a sandbox only")
    .option("--confirmed", "only GPUs that a driver confirmed, none that were declared")
    .option("--hours <n>", "no announced maintenance within that time", wholeNumber)
    .addOption(new Option("--sort <by>", "").choices([...MARKET_SORTS]));
  cli.does<OfferFlags & PageFlags>(withPageFlags(offers, 50), async (flags) => {
    const { client } = await cli.open(flags);
    const models = await Promise.all((flags.gpu ?? []).map((text) => modelNamed(client, text)));
    const asked = offersQuery(flags, models);
    const { rows, last } = await readPages(
      flags,
      (page) => client.searchProviders({ query: { ...asked, ...page } }),
      (page) => page.offers,
    );
    present(cli.io, flags, {
      data: { ...last, offers: rows, count: rows.length },
      names: rows.map(({ provider_id }) => provider_id),
      text: (wide) =>
        rows.length === 0
          ? nothingFound(last.facets.total, last.facets.removed)
          : renderTable(OFFER_COLUMNS, rows, { ...cli.io, wide }),
    });
    if (last.next_cursor !== null) cli.io.tell(`${rows.length} of ${last.facets.found} offers; --all shows them.`);
  });

  const rent = withCreateFlags(
    withEnvFlags(
      cli
        .add("rent", "rent a machine and get a shell in it")
        .option("--gpu <model>", "a GPU model or a part of its name")
        .option("--gpus <n>", "how many (default: 1; 0 for cores only)", wholeNumber)
        .option("--hours <n>", "for how long; it can be extended", wholeNumber, 1)
        .option("--name <name>", "what to call it")
        .option("--provider <id>", "on this machine only")
        .option("--image <image>", "what runs; else plain Ubuntu")
        .option("--template <slug>", "a workspace of the broker instead of an image")
        .option("--cpu <cores>", "(default: 4 for each GPU)", wholeNumber)
        .option("--memory <gb>", "(default: 16 for each GPU)", wholeNumber)
        .option("--storage <gb>", "(default: 50 for each GPU)", wholeNumber)
        .option("--max-price <usd>", "dearest price of an hour of all of it", price)
        .option("--http-port <port>", "a port of it that serves HTTP to you", wholeNumber)
        .option("--ssh-key <file>", "a public key for it; else those of your account"),
    ),
  );
  cli.does<RentFlags & EnvFlags & CreateFlags & { readonly sshKey?: string }>(rent, async (flags) => {
    const env = await envOf(cli.io, flags);
    const sshKey = flags.sshKey === undefined ? undefined : await publicKey(flags.sshKey);
    const session = await cli.open(flags);
    const named = flags.gpu === undefined ? {} : { gpu: await modelNamed(session.client, flags.gpu) };
    const body = rentalBody({ ...flags, ...named }, env, sshKey);
    if (!flags.dryRun) return toldAsTyped(body, created(session, flags, [body]));
    const estimate = await toldAsTyped(body, session.client.estimateJob({ body }));
    present(cli.io, flags, estimateAnswer(cli.io, [estimate]));
    return;
  });
}

type Query = z.input<typeof SearchQuery>;

/** Every value as the wire's text. */
export function offersQuery(flags: OfferFlags, models: readonly string[]): Query {
  const text = (value: number | boolean | string | undefined) => (value === undefined ? undefined : String(value));
  const query: { [K in keyof Query]: Query[K] | undefined } = {
    gpu: models.length > 0 ? [...models] : undefined,
    region: flags.region && [...flags.region],
    provider: flags.provider && [...flags.provider],
    min_vram_mb: text(flags.minVram === undefined ? undefined : flags.minVram * 1024),
    min_gpus: text(flags.minGpus),
    min_cpu: text(flags.minCpu),
    min_ram: text(flags.minMemory === undefined ? undefined : flags.minMemory * 1024),
    min_disk: text(flags.minDisk),
    max_price: flags.maxPrice,
    min_reputation: text(flags.minReputation),
    status: flags.status && [flags.status],
    runtime: flags.runtime && [flags.runtime],
    sandboxed: flags.sandboxed ? "true" : undefined,
    declared: flags.confirmed ? "false" : undefined,
    hours: text(flags.hours),
    sort: flags.sort,
  };
  const said: Query = {};
  return Object.assign(said, Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)));
}

function nothingFound(total: number, removed: Readonly<Record<string, number>>): string {
  if (total === 0) return "Nobody offers anything here yet.\n";
  const hints = Object.entries(removed)
    .filter(([, count]) => count > 0)
    .map(([filter, count]) => `${count} without ${filter}`);
  const help = hints.length > 0 ? `There would be ${hints.join(", ")}.` : "No single filter is what keeps them away.";
  return `None of ${total} offers fits. ${help}\n`;
}

/** @throws CliError for a private key, which must go nowhere */
async function publicKey(path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch(() => {
    throw new CliError(`${path} cannot be read.`);
  });
  if (text.includes("PRIVATE KEY"))
    throw new CliError(`${path} is a private key: nothing was sent.`, { remedy: `Give its public half: ${path}.pub` });
  return text.trim();
}
