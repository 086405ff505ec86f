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
  const before = words.slice(0, -1).filter((word) => word !== "="); // bash makes a word of it
  const command = subcommandOf(program, before) ?? program;
  const flag = /^(--[^=]+)=/.exec(typed)?.[1];
  const last = flag ?? before.at(-1) ?? "";
  const awaited = command.options.find((option) => option.required && (option.short === last || option.long === last));
  const prefix = flag === undefined ? "" : `${flag}=`;
  const values = awaited
    ? (awaited.argChoices ?? []).map((value) => ({ value: `${prefix}${value}`, about: "" }))
    : null;
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
  local line words=("\${COMP_WORDS[@]:1:COMP_CWORD}")
  [ "\${COMP_WORDS[COMP_CWORD]}" != "=" ] || words+=("")
  COMPREPLY=()
  while IFS= read -r line; do COMPREPLY+=("\${line%%$'\\t'*}"); done \\
    < <(berth __complete -- "\${words[@]}" 2>/dev/null)
}
complete -o default -F _berth berth
`,
  // Found on fpath its first call is the file itself; sourced it has to be told to zsh.
  zsh: `#compdef berth
_berth() {
  local -a found
  local line about
  while IFS= read -r line; do
    about="\${line#*$'\\t'}"
    found+=("\${\${line%%$'\\t'*}//:/\\\\:}\${about:+:$about}")
  done < <(berth __complete -- "\${(@)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)
  if (( \${#found} )); then
    _describe berth found
  else
    compset -P 1 '--*='
    _files
  fi
}
if [ "\${funcstack[1]}" = _berth ]; then _berth "$@"; else compdef _berth berth; fi
`,
  fish: `function __berth_complete
  set -l found (berth __complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)
  if set -q found[1]
    printf '%s\\n' $found
  else
    set -l typed (commandline -ct)
    set -l flag (string match -r -- '^--[^=]+=' $typed)
    __fish_complete_path (string replace -- "$flag" '' $typed) | string replace -r -- '^' "$flag"
  end
end
complete -c berth -f -a '(__berth_complete)'
`,
};
