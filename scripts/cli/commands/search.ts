import type { Command } from "commander";
import * as v from "valibot";
import { Fault } from "../../../wire/fault.ts";
import { RunAnswer } from "../../../wire/http.ts";
import type { Page } from "../api_client.ts";
import { addCommand, type CommonOptions, connect, type Session, showMore } from "../command.ts";
import { EXIT } from "../exit_codes.ts";
import { literal } from "../literal.ts";
import { oneLine } from "../terminal.ts";

interface SearchOptions extends CommonOptions {
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly job?: string;
  readonly execution?: string;
  readonly pc?: string;
  readonly status?: string;
  readonly since?: string;
  readonly limit: string;
  readonly cursor?: string;
}

/** The most that one request asks for. */
const PAGE_ROWS = 500;
const ERASE_LINE = "\r\u001b[2K";

/** Search in what runs have written. */
export function addSearch(
  program: Command,
  session: Session,
  end: (exitCode: number) => void,
): void {
  addCommand(
    program,
    "search <regex>",
    "find what runs have written, the newest first (RE2 syntax)",
  )
    .option("--stdout", "look in standard output only")
    .option("--stderr", "look in standard error only")
    .option("--job <regex>", "only runs of jobs that match")
    .option("--execution <exec_id>", "only runs of one execution")
    .option("--pc <regex>", "only runs on PCs that match")
    .option("--status <status>", "success, failure, failed, running, skipped or expired")
    .option("--since <time>", "only runs that started at or after this RFC 3339 time")
    .option("--limit <count>", "stop after so many; 0 = show all", "50")
    .option("--cursor <cursor>", "go on where a search stopped")
    .action(async (regex: string, options: SearchOptions) => {
      end(await search(session, regex, options));
    });
}

/** Shows matches as they are found, and meanwhile how far back it has looked. */
async function search(session: Session, regex: string, options: SearchOptions): Promise<number> {
  const { terminal } = session;
  const client = await connect(session, options);
  const progress = new Progress(session);
  const wanted = wantedRows(options.limit);
  const found: RunAnswer[] = [];
  for (let { cursor } = options, isEnd = false; !isEnd;) {
    const limit = Math.min(PAGE_ROWS, wanted - found.length);
    const query = { ...queryOf(regex, options), limit, cursor };
    const page = await client.page(v.array(RunAnswer), "/api/results", { query });
    found.push(...page.rows);
    progress.clear();
    if (options.json !== true) { for (const row of page.rows) terminal.out(matchText(row)); }
    cursor = page.nextCursor;
    isEnd = cursor === undefined || found.length >= wanted;
    if (isEnd) showMore(session, { ...page, isComplete: true });
    else progress.show(page);
  }
  if (options.json === true) terminal.out(`${JSON.stringify(found)}\n`);
  return found.length > 0 ? EXIT.ok : EXIT.failed;
}

/** @throws {Fault} `invalid_input` */
function wantedRows(limit: string): number {
  if (!/^\d{1,9}$/.test(limit)) {
    throw new Fault("invalid_input", `Cannot search: --limit ${limit} is no whole number`);
  }
  return Number(limit) || Infinity;
}

function queryOf(regex: string, options: SearchOptions): Record<string, string | undefined> {
  const { stdout, stderr, job, execution, pc, status, since } = options;
  const isOne = (stdout === true) !== (stderr === true);
  const member = !isOne ? "output" : stdout === true ? "stdout" : "stderr";
  return {
    [member]: regex,
    job_id: job,
    exec_id: execution === undefined ? undefined : `^${literal(execution)}$`,
    pc_id: pc,
    status,
    since,
  };
}

/** What was found, one line each: where and when, then the line itself. */
function matchText(row: RunAnswer): string {
  const head = [row.started_at, row.pc_id, row.job_id ?? "-", row.result_id].join("  ");
  const lines = [["stdout", row.stdout_match], ["stderr", row.stderr_match]]
    .flatMap(([stream, line]) =>
      typeof line === "string" ? [`  ${stream}: ${oneLine(line)}\n`] : []
    );
  return `${oneLine(head)}\n${lines.join("")}`;
}

/** One line that says how far a search is, drawn in place where somebody watches. */
class Progress {
  readonly #session: Session;
  #tried = 0;

  constructor(session: Session) {
    this.#session = session;
  }

  show({ searched }: Pick<Page<unknown>, "searched">): void {
    const { terminal } = this.#session;
    this.#tried += searched?.tried ?? 0;
    if (!terminal.isInteractive) return;
    const back = searched?.backTo === undefined ? "" : `, back to ${searched.backTo}`;
    const line = `${this.#tried.toLocaleString("en")} runs searched${back}`;
    terminal.err(`${ERASE_LINE}${line.slice(0, terminal.columns - 1)}`);
  }

  clear(): void {
    if (this.#session.terminal.isInteractive) this.#session.terminal.err(ERASE_LINE);
  }
}
