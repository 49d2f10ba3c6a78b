/** Scripts by which a shell completes `kanade`, made of its commands and options as they are. */
import type { Command, Option } from "commander";

export const COMPLETED_SHELLS = ["bash", "zsh", "fish"] as const;
export type CompletedShell = (typeof COMPLETED_SHELLS)[number];

/** One place of a command line: after these words, those may follow. */
interface Place {
  /** Such as `kanade job`. */
  readonly path: string;
  readonly words: readonly Word[];
}

interface Word {
  readonly word: string;
  readonly description: string;
  /** What may stand after an option; absent = anything. */
  readonly choices?: readonly string[];
}

export function completionScript(program: Command, shell: CompletedShell): string {
  return SCRIPTS[shell](placesOf(program, program.name()));
}

function placesOf(command: Command, path: string): readonly Place[] {
  const commands = command.commands.map((each) => ({
    word: each.name(),
    description: each.description(),
  }));
  const options = [...command.options.map(wordOf), { word: "--help", description: "say more" }];
  return [
    { path, words: [...commands, ...options] },
    ...command.commands.flatMap((each) => placesOf(each, `${path} ${each.name()}`)),
  ];
}

function wordOf({ long, flags, description, argChoices }: Option): Word {
  const choices = argChoices === undefined ? {} : { choices: argChoices };
  return { word: long ?? flags, description, ...choices };
}

const SCRIPTS: Readonly<Record<CompletedShell, (places: readonly Place[]) => string>> = {
  bash: (places) =>
    [
      '# eval "$(kanade completion bash)"',
      "_kanade() {",
      '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" path=kanade i',
      "  for ((i = 1; i < COMP_CWORD; i++)); do",
      ...descent(places, '"$path ${COMP_WORDS[i]}"', '"$path ${COMP_WORDS[i]}"'),
      "  done",
      '  case "$path $prev" in',
      ...choicesOf(places).map(([at, choices]) =>
        `    ${quoted(at)}) COMPREPLY=($(compgen -W ${quoted(choices)} -- "$cur")); return ;;`
      ),
      "  esac",
      '  case "$path" in',
      ...places.map(({ path, words }) =>
        `    ${quoted(path)}) COMPREPLY=($(compgen -W ${quoted(listOf(words))} -- "$cur")) ;;`
      ),
      "  esac",
      "}",
      "complete -o default -F _kanade kanade",
      "",
    ].join("\n"),

  zsh: (places) =>
    [
      "#compdef kanade",
      '# eval "$(kanade completion zsh)"',
      "_kanade() {",
      "  local at=kanade i",
      "  for ((i = 2; i < CURRENT; i++)); do",
      ...descent(places, '"$at ${words[i]}"', '"$at ${words[i]}"', "at"),
      "  done",
      '  case "$at ${words[CURRENT-1]}" in',
      ...choicesOf(places).map(([at, choices]) =>
        `    ${quoted(at)}) compadd -- ${choices}; return ;;`
      ),
      "  esac",
      '  case "$at" in',
      ...places.map(({ path, words }) => `    ${quoted(path)}) compadd -- ${listOf(words)} ;;`),
      "  esac",
      "  (( $? == 0 )) || _files",
      "}",
      "compdef _kanade kanade",
      "",
    ].join("\n"),

  fish: (places) =>
    [
      "# kanade completion fish | source",
      "function __kanade_at",
      "  set -l at kanade",
      "  for word in (commandline -opc)[2..-1]",
      '    switch "$at $word"',
      `      case ${inner(places).map(({ path }) => quoted(path)).join(" ")}`,
      '        set at "$at $word"',
      "    end",
      "  end",
      '  test "$at" = "$argv[1]"',
      "end",
      ...places.flatMap(({ path, words }) => words.map((word) => fishLine(path, word))),
      "",
    ].join("\n"),
};

/** A shell's loop body that goes one command deeper where the next word is one. */
function descent(
  places: readonly Place[],
  asked: string,
  deeper: string,
  variable = "path",
): readonly string[] {
  const known = inner(places).map(({ path }) => quoted(path)).join("|");
  return [`    case ${asked} in`, `      ${known}) ${variable}=${deeper} ;;`, "    esac"];
}

function inner(places: readonly Place[]): readonly Place[] {
  return places.filter(({ path }) => path.includes(" "));
}

function choicesOf(places: readonly Place[]): readonly (readonly [at: string, choices: string])[] {
  return places.flatMap(({ path, words }) =>
    words.flatMap(({ word, choices }) =>
      choices === undefined ? [] : [[`${path} ${word}`, choices.join(" ")] as const]
    )
  );
}

function fishLine(path: string, { word, description, choices }: Word): string {
  const isOption = word.startsWith("--");
  const what = isOption ? `-l ${word.slice(2)}` : `-f -a ${quoted(word)}`;
  const given = choices === undefined ? "" : ` -x -a ${quoted(choices.join(" "))}`;
  return `complete -c kanade -n ${quoted(`__kanade_at ${quoted(path)}`)} ${what}${given} -d ${
    quoted(description)
  }`;
}

function listOf(words: readonly Word[]): string {
  return words.map(({ word }) => word).join(" ");
}

/** In double quotes, which every one of the shells reads in the same way once these signs are escaped. */
function quoted(text: string): string {
  return `"${text.replaceAll(/["\\$`]/g, "\\$&")}"`;
}
