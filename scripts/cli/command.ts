import type { Command } from "commander";
import { ApiClient } from "./api_client.ts";
import type { Environment } from "../environment.ts";
import { type BackendOptions, findBackend } from "./backend.ts";
import { type Column, renderTable } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/** What every command works with. */
export interface Session {
  readonly terminal: Terminal;
  /** Without empty variables. */
  readonly env: Environment;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Options that every command has. */
export interface CommonOptions extends BackendOptions {
  readonly json?: boolean;
}

/** Options of a command that asks no backend. */
export type LocalOptions = Pick<CommonOptions, "json">;

/** Adds a command that works on this machine alone. */
export function addLocalCommand(parent: Command, usage: string, description: string): Command {
  return parent.command(usage)
    .description(description)
    .option("--json", "print JSON, and nothing else on standard output");
}

/** Adds a command with the options that all have. */
export function addCommand(parent: Command, usage: string, description: string): Command {
  return addLocalCommand(parent, usage, description)
    .option("--server <url>", "the backend's address (or KANADE_SERVER)")
    .option(
      "--token-file <path>",
      "a file that holds the token (or the token itself in KANADE_TOKEN)",
    );
}

export async function connect(session: Session, options: CommonOptions): Promise<ApiClient> {
  const { terminal, env, signal } = session;
  const say = (note: string) => terminal.err(`(${note})\n`);
  return await ApiClient.of(() => findBackend(options, env), { signal, say });
}

/** Shows a value: as JSON where that was asked for, else as people read it. */
export function show<T>(
  { terminal }: Session,
  options: CommonOptions,
  value: T,
  render: (value: T) => string,
): void {
  terminal.out(options.json === true ? `${JSON.stringify(value)}\n` : render(value));
}

/** Shows a list as a table, cut to the terminal's width where somebody watches. */
export function showList<Row>(
  session: Session,
  options: CommonOptions,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
): void {
  const { isInteractive, columns: width } = session.terminal;
  show(
    session,
    options,
    rows,
    () =>
      rows.length === 0
        ? "nothing\n"
        : renderTable(columns, rows, isInteractive ? width : undefined),
  );
}

/** Says how to see more of a list, beside what was asked for. */
export function showMore(
  { terminal }: Session,
  page: { readonly nextCursor?: string; readonly isComplete: boolean },
): void {
  if (page.nextCursor === undefined) return;
  const why = page.isComplete ? "there is more" : "the search stopped before it saw everything";
  terminal.err(`${why}: --cursor ${page.nextCursor}\n`);
}

/** An option that may be given several times. */
export function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}
