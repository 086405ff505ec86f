// completion, schema, version: what helps with the command line itself.
import { Argument } from "commander";
import { candidates, completionScript, SHELLS, type Shell } from "../completion.ts";
import { CliError } from "../errors.ts";
import { jobSchema } from "../job-file.ts";
import { present } from "../output/present.ts";
import { renderFacts } from "../output/table.ts";
import type { Cli } from "../program.ts";

export function addTools(cli: Cli, version: string): void {
  const completion = cli.program
    .command("completion")
    .description("a script that completes berth in your shell")
    .addArgument(new Argument("<shell>", "").choices([...SHELLS]))
    .addHelpText(
      "after",
      `
bash:  eval "$(berth completion bash)"        in ~/.bashrc
zsh:   eval "$(berth completion zsh)"         in ~/.zshrc, after compinit
fish:  berth completion fish | source         in ~/.config/fish/config.fish`,
    );
  cli.does(completion, async (_, [shell]) => {
    const known = SHELLS.find((one): one is Shell => one === shell);
    if (!known) throw new CliError("This shell is not known.");
    cli.io.write(completionScript(known));
  });

  const complete = cli.program.command("__complete [words...]", { hidden: true }).helpOption(false);
  cli.does(complete.passThroughOptions().allowUnknownOption(), async (_, words) => {
    for (const { value, about } of candidates(cli.program, words)) cli.io.write(`${value}\t${about}\n`);
  });

  cli.does(cli.program.command("schema").description("the JSON Schema of job files, for editors"), async () => {
    cli.io.write(`${JSON.stringify(jobSchema(), null, 2)}\n`);
  });

  cli.does(cli.add("version", "of this command line and of the broker"), async (flags) => {
    const { client, broker } = await cli.open(flags);
    const theirs = await client.health().catch(() => null);
    present(cli.io, flags, {
      data: { berth: version, broker, health: theirs },
      names: [version],
      text: () =>
        renderFacts(
          [
            ["berth", version],
            ["Broker", `${broker}: ${theirs === null ? "does not answer" : `${theirs.version}, ${theirs.status}`}`],
          ],
          cli.io.colours,
        ),
    });
  });
}
