// Completion: the shells ask this very program what could come next.
import type { Command } from "commander";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

interface Candidate {
  readonly value: string;
  readonly about: string;
}

/** @param words everything after `berth`, the last being the one that is typed, maybe empty */
export function candidates(program: Command, words: readonly string[]): Candidate[] {
  const typed = words.at(-1) ?? "";
  const before = words.slice(0, -1);
  const command = subcommandOf(program, before) ?? program;
  const last = before.at(-1) ?? "";
  const awaited = command.options.find((option) => option.required && (option.short === last || option.long === last));
  const values = awaited ? (awaited.argChoices ?? []).map((value) => ({ value, about: "" })) : null;
  const found = values ?? (typed.startsWith("-") ? flagsOf(command) : wordsOf(program, command));
  return found.filter(({ value }) => value.startsWith(typed));
}

function subcommandOf(program: Command, words: readonly string[]): Command | undefined {
  return words
    .map((word) => program.commands.find((one) => one.name() === word || one.aliases().includes(word)))
    .find((one) => one !== undefined);
}

function flagsOf(command: Command): Candidate[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ long, description }) => (long ? [{ value: long, about: description }] : []));
}

function wordsOf(program: Command, command: Command): Candidate[] {
  if (command !== program)
    return command.registeredArguments.flatMap(({ argChoices = [] }) =>
      argChoices.map((value) => ({ value, about: "" })),
    );
  return program
    .createHelp()
    .visibleCommands(program)
    .map((one) => ({ value: one.name(), about: one.description() }));
}

/** Where nothing is known to come next, the shell goes on with file names. */
export function completionScript(shell: Shell): string {
  return SCRIPTS[shell];
}

const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `_berth() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do COMPREPLY+=("\${line%%$'\\t'*}"); done \\
    < <(berth __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _berth berth
`,
  zsh: `#compdef berth
_berth() {
  local -a found
  local line
  while IFS= read -r line; do
    found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done < <(berth __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then _describe berth found; else _files; fi
}
compdef _berth berth
`,
  fish: `complete -c berth -f -a '(berth __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'
complete -c berth -F -n '__fish_seen_subcommand_from apply submit login rent'
`,
};
