import type { Command } from "commander";
import { parse } from "../../../wire/codec.ts";
import { Shell } from "../../../wire/command.ts";
import { parseDurationMs } from "../../../wire/duration.ts";
import { ExecResult } from "../../../wire/exec_result.ts";
import { Fault } from "../../../wire/fault.ts";
import { RunAnswer } from "../../../wire/http.ts";
import type { ApiClient } from "../api_client.ts";
import { addCommand, type CommonOptions, connect, type Session } from "../command.ts";
import { EXIT, exitCodeOfResult } from "../exit_codes.ts";
import { followExecution } from "../follow_execution.ts";
import { scriptOf } from "../script_text.ts";

interface RunOptions extends CommonOptions {
  readonly shell: string;
  readonly timeout: string;
  readonly file?: string;
  readonly wait?: string;
}

/** How long one request waits before we follow the execution instead: connections that say nothing get cut. */
const REQUEST_WAIT_SECS = 30;

const HELP = `
Shows the script's output and ends with its exit code. Without one of its own:
  ${EXIT.timedOut}  it ran into its timeout        ${EXIT.killed}  it was killed
  ${EXIT.inFlight}   it goes on: --wait was over    ${EXIT.failed}    it could not be run
  122 to 127  the agent skipped it (standard error says why)

Examples:
  kanade run pc-17 -- 'echo hello; exit 3'
  kanade run pc-17 --shell python3 --file check.py --timeout 10m`;

export function addRun(program: Command, session: Session, end: (exitCode: number) => void): void {
  addCommand(program, "run <pc> [script...]", "run a script on one PC, and show what it says")
    .option("--shell <shell>", "what runs it", "sh")
    .option("--timeout <duration>", "when it is ended, such as 30s or 1h 30m", "60s")
    .option("--file <path>", "read the script from a file (- is standard input)")
    .option("--wait <duration>", "how long to wait for its end; as long as it takes unless given")
    .addHelpText("after", HELP)
    .action(async (pcId: string, words: readonly string[], options: RunOptions) => {
      end(await run(session, pcId, words, options));
    });
}

async function run(
  session: Session,
  pcId: string,
  words: readonly string[],
  options: RunOptions,
): Promise<number> {
  const body = {
    pc_id: pcId,
    shell: parse(Shell, "shell", options.shell),
    script: await scriptOf(words, options.file),
    timeout_secs: Math.ceil(parseDurationMs(options.timeout) / 1_000),
  };
  const client = await connect(session, options);
  const waitMs = options.wait === undefined ? Infinity : parseDurationMs(options.wait);
  const result = await resultOf(session, client, body, waitMs);
  if (typeof result === "string") {
    session.terminal.err(`it goes on: kanade executions ${result}\n`);
    return EXIT.inFlight;
  }
  showResult(session, options, result);
  return exitCodeOfResult(result);
}

/** The result, or the exec_id of what goes on when the wait is over. */
async function resultOf(
  session: Session,
  client: ApiClient,
  body: object,
  waitMs: number,
): Promise<ExecResult | string> {
  const deadline = performance.now() + waitMs;
  const waitSecs = Math.min(Math.ceil(waitMs / 1_000), REQUEST_WAIT_SECS);
  try {
    return await client.postOnce(ExecResult, "/api/run", { ...body, wait_secs: waitSecs });
  } catch (thrown) {
    const execId = thrown instanceof Fault ? thrown.details["exec_id"] : undefined;
    if (typeof execId !== "string") throw thrown;
    return await followUntil(session, client, execId, deadline - performance.now()) ?? execId;
  }
}

/** The result of an execution of one PC once it ended; undefined when the time is over first. */
async function followUntil(
  session: Session,
  client: ApiClient,
  execId: string,
  leftMs: number,
): Promise<ExecResult | undefined> {
  const timeUp = new AbortController();
  const timer = Number.isFinite(leftMs)
    ? setTimeout(() => timeUp.abort(), Math.max(leftMs, 0))
    : undefined;
  try {
    const signal = AbortSignal.any([session.signal, timeUp.signal]);
    const { results } = await followExecution(client, execId, () => {}, signal);
    const [row] = results;
    if (row === undefined) {
      throw new Fault(
        "timed_out",
        `Cannot show a result: the PC never answered (execution ${execId})`,
      );
    }
    const whole = await client.get(RunAnswer, `/api/results/${encodeURIComponent(row.result_id)}`);
    return execResultOf(whole);
  } catch (thrown) {
    if (timeUp.signal.aborted && !session.signal.aborted) return undefined;
    throw thrown;
  } finally {
    clearTimeout(timer);
  }
}

/** The row of an ended run, as the agent reported it. */
function execResultOf(row: RunAnswer): ExecResult {
  return parse(ExecResult, "result", {
    ...row,
    exit_code: row.exit_code ?? -1,
    finished_at: row.finished_at ?? row.started_at,
  });
}

function showResult(
  { terminal }: Session,
  options: CommonOptions,
  result: ExecResult,
): void {
  if (options.json === true) {
    terminal.out(`${JSON.stringify(result)}\n`);
    return;
  }
  terminal.out(result.stdout);
  terminal.err(result.stderr);
  if (result.stdout_truncated || result.stderr_truncated) terminal.err("(the output was cut)\n");
}
