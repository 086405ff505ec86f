// submit and apply: jobs by flags, and by files.
import { Option } from "commander";
import { ASSURANCES, DISPATCHES } from "../../domain/job/batch.ts";
import { type CreateFlags, created, withCreateFlags } from "../create.ts";
import { type EnvFlags, envOf, withEnvFlags } from "../env-flags.ts";
import { CliError } from "../errors.ts";
import { estimateAnswer } from "../estimate.ts";
import { toldAsTyped } from "../flag-names.ts";
import { modelNamed } from "../gpu-name.ts";
import { readText } from "../inputs.ts";
import { type JobInput, readJobFile } from "../job-file.ts";
import { batchBody, comparator, type SubmitFlags } from "../job-flags.ts";
import { present } from "../output/present.ts";
import { type Cli, collect, price, seconds, wholeNumber } from "../program.ts";
import type { Session } from "../session.ts";

export function addSubmit(cli: Cli): void {
  const submit = withCreateFlags(
    withEnvFlags(
      cli
        .add("submit [command...]", "run a command on machines of several owners and have the results compared")
        .requiredOption("--name <name>", "what to call it")
        .requiredOption("--image <image>", "what it runs in")
        .option("--cmd <argument>", "program, then each argument; or put them after --", collect)
        .option("--description <text>", "")
        .option("--cpu <cores>", "", wholeNumber)
        .option("--memory <gb>", "", wholeNumber)
        .option("--gpu [model]", "with a GPU: of any model, or of one")
        .option("--gpus <n>", "how many", wholeNumber)
        .option("--input <file>", "what it reads on its standard input; - is ours")
        .option("--file <path>", "an output file or folder of it, compared as well; may be repeated", collect)
        .option(
          "--redundancy <n>",
          "for how many owners' machines money is set aside; --dispatch eager asks all at once",
          wholeNumber,
        )
        .option("--consensus <n>", "how many owners have to agree", wholeNumber)
        .addOption(new Option("--assurance <level>", "").choices([...ASSURANCES]))
        .addOption(new Option("--dispatch <how>", "").choices([...DISPATCHES]))
        .option("--comparator <how>", "exact, json, files, or numeric:RTOL,ATOL", comparator)
        .option("--network", "let it reach the internet")
        .option("--timeout <time>", "how long it may run, such as 90s or 5m", seconds)
        .option("--queue-timeout <time>", "how long it may wait for machines", seconds)
        .option("--max-price <usd>", "dearest price of an hour of one execution", price)
        .option("--reusable", "the broker may run it again later to check machines"),
    ),
  );
  cli.does<SubmitFlags & EnvFlags & CreateFlags & { readonly input?: string }>(submit, async (flags, command) => {
    const env = await envOf(cli.io, flags);
    const input = flags.input === undefined ? {} : { input: await readText(cli.io, flags.input) };
    batchBody(flags, { env, ...input, command }); // what no broker would take is told before one is asked
    const session = await cli.open(flags);
    const gpu = typeof flags.gpu === "string" ? { gpu: await modelNamed(session.client, flags.gpu) } : {};
    const body = batchBody({ ...flags, ...gpu }, { env, ...input, command });
    return toldAsTyped(body, sent(session, flags, [body]));
  });

  const apply = withCreateFlags(
    cli
      .add("apply", "create the jobs of a file, of either kind: all of it is checked before any is sent")
      .requiredOption(
        "-f, --filename <file>",
        "YAML or JSON, of one document or several; - reads standard input; may be repeated",
        collect,
      ),
  );
  cli.does<CreateFlags & { readonly filename: readonly string[] }>(apply, async (flags) => {
    if (flags.filename.filter((name) => name === "-").length > 1)
      throw new CliError("Standard input can be read once.");
    const texts: JobInput[][] = [];
    for (const name of flags.filename)
      texts.push(readJobFile(await readText(cli.io, name), name === "-" ? "standard input" : name));
    return sent(await cli.open(flags), flags, texts.flat());
  });
}

async function sent(session: Session, flags: CreateFlags, bodies: readonly JobInput[]): Promise<number | undefined> {
  if (!flags.dryRun) return created(session, flags, bodies);
  const estimates = await Promise.all(bodies.map((body) => session.client.estimateJob({ body })));
  present(session.io, flags, estimateAnswer(session.io, estimates));
  return;
}
