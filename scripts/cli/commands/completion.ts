import { Argument, type Command } from "commander";
import type { Session } from "../command.ts";
import { COMPLETED_SHELLS, type CompletedShell, completionScript } from "../completion.ts";

const HELP = `
Examples:
  eval "$(kanade completion bash)"       # in ~/.bashrc
  eval "$(kanade completion zsh)"        # in ~/.zshrc, after compinit
  kanade completion fish | source        # in ~/.config/fish/config.fish`;

/** Added last: it knows the commands that were added before. */
export function addCompletion(program: Command, { terminal }: Session): void {
  program.command("completion")
    .description("print what makes a shell complete kanade")
    .addArgument(new Argument("<shell>", "whose").choices(COMPLETED_SHELLS))
    .addHelpText("after", HELP)
    .action((shell: CompletedShell) => terminal.out(completionScript(program, shell)));
}
