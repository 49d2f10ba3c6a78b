import { setTimeout as sleep } from "node:timers/promises";
import { ExecutionAnswer, ExecutionDetail, RunAnswer, TailAnswer } from "../../wire/http.ts";
import {
  GapEvent,
  LimitEvent,
  OUTPUT_STREAMS,
  OutputEvent,
  type OutputStream,
  RestartEvent,
  RunName,
} from "../../wire/http_live.ts";
import type { ApiClient } from "./api_client.ts";
import { type CommonOptions, type Session, show } from "./command.ts";
import { allSucceeded, endLine } from "./execution_end.ts";
import { EXIT } from "./exit_codes.ts";
import { gapNote, isPassing, readEvent, restartNote } from "./follow_output.ts";
import type { ServerEvent } from "./server_events.ts";
import { oneLine, type Terminal } from "./terminal.ts";

/** Before we listen again after the backend went away. */
const RECONNECT_MS = 1_000;

/**
 * Shows all that the runs of an execution print, and how it ended.
 *
 * @returns the exit code: 0 only when every PC succeeded
 */
export async function followToEnd(
  session: Session,
  client: ApiClient,
  execId: string,
  options: CommonOptions,
): Promise<number> {
  const { err, out } = session.terminal;
  // Standard output is for the JSON alone where that was asked for.
  const terminal = { err, out: options.json === true ? err : out };
  const execution = await followOutputs(client, execId, terminal, session.signal);
  if (options.json === true) show(session, options, execution, endLine);
  else err(endLine(execution));
  return allSucceeded(execution) ? EXIT.ok : EXIT.failed;
}

/**
 * Shows what all runs of an execution print, each line after the name of its PC, until the execution ends. When the
 * backend goes away, it goes on where it was once that is back.
 */
async function followOutputs(
  client: ApiClient,
  execId: string,
  terminal: Pick<Terminal, "out" | "err">,
  signal: AbortSignal,
): Promise<ExecutionAnswer> {
  const path = `/api/executions/${encodeURIComponent(execId)}/stream`;
  const view = new LinesOfRuns(terminal);
  for (;;) {
    try {
      for await (const event of await client.stream(path, signal)) {
        if (event.event === "end") return readEvent(ExecutionAnswer, event);
        view.take(event);
      }
    } catch (thrown) {
      if (!isPassing(thrown, signal)) throw thrown;
    }
    await sleep(RECONNECT_MS, undefined, { signal });
  }
}

/** Shows what all runs of an execution have said so far. */
export async function showOutputs(
  client: ApiClient,
  execId: string,
  terminal: Pick<Terminal, "out" | "err">,
): Promise<void> {
  const detail = await client.get(ExecutionDetail, `/api/executions/${encodeURIComponent(execId)}`);
  for (const { result_id, pc_id } of detail.results) {
    const path = `/api/results/${encodeURIComponent(result_id)}/tail`;
    const tail = await client.get(TailAnswer, path);
    terminal.out(prefixed(pc_id, tail.stdout));
    terminal.err(prefixed(pc_id, tail.stderr));
  }
}

function prefixed(pcId: string, text: string): string {
  const lines = text.split("\n");
  // What ends in a line break has no line after it.
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => `${oneLine(pcId)} | ${line}\n`).join("");
}

/** What was shown of one stream of a run. */
interface Shown {
  /** Bytes of its text: what comes again on another connection is left out. */
  bytes: number;
  /** The beginning of a line whose end is to come. */
  line: string;
}

/** Whole lines only, so that those of several PCs do not mix. */
class LinesOfRuns {
  readonly #terminal: Pick<Terminal, "out" | "err">;
  readonly #runs = new Map<string, Record<OutputStream, Shown>>();
  readonly #settled = new Set<string>();

  constructor(terminal: Pick<Terminal, "out" | "err">) {
    this.#terminal = terminal;
  }

  take(event: ServerEvent): void {
    if (event.event === "limit") return this.#tellLimit(readEvent(LimitEvent, event));
    if (!["output", "gap", "restart", "settled"].includes(event.event)) return;
    const name = readEvent(RunName, event);
    if (this.#settled.has(name.result_id)) return;
    switch (event.event) {
      case "output":
        return this.#print(name, readEvent(OutputEvent, event));
      case "gap":
        return this.#say(name, gapNote(readEvent(GapEvent, event)));
      case "restart":
        return this.#restart(name, readEvent(RestartEvent, event));
      default:
        return this.#settle(name, readEvent(RunAnswer, event));
    }
  }

  #print(name: RunName, { stream, offset, text }: OutputEvent): void {
    const shown = this.#shown(name)[stream];
    const bytes = Buffer.from(text);
    const fresh = bytes.subarray(Math.max(0, shown.bytes - offset)).toString();
    shown.bytes = Math.max(shown.bytes, offset + bytes.length);
    const lines = (shown.line + fresh).split("\n");
    shown.line = lines.pop() ?? "";
    for (const line of lines) this.#line(name, stream, line);
  }

  #restart(name: RunName, event: RestartEvent): void {
    this.#shown(name)[event.stream] = { bytes: 0, line: "" };
    this.#say(name, restartNote(event));
  }

  #settle(name: RunName, { outcome, exit_code: exitCode }: RunAnswer): void {
    for (const stream of OUTPUT_STREAMS) {
      const { line } = this.#shown(name)[stream];
      if (line !== "") this.#line(name, stream, line);
    }
    this.#runs.delete(name.result_id);
    this.#settled.add(name.result_id);
    const exit = exitCode === null ? "" : ` (exit ${exitCode})`;
    this.#terminal.err(`${oneLine(name.pc_id)} ${outcome}${exit}\n`);
  }

  #line({ pc_id: pcId }: RunName, stream: OutputStream, line: string): void {
    this.#terminal[stream === "stdout" ? "out" : "err"](prefixed(pcId, `${line}\n`));
  }

  #say({ pc_id: pcId }: RunName, note: string): void {
    this.#terminal.err(`${oneLine(pcId)} ${note.trim()}\n`);
  }

  #tellLimit({ watched, waiting }: LimitEvent): void {
    if (waiting === 0) return;
    const rest = waiting === 1 ? "1 more is" : `${waiting} more are`;
    this.#terminal.err(`(${watched} runs are followed at a time; ${rest} shown later)\n`);
  }

  #shown({ result_id: resultId }: RunName): Record<OutputStream, Shown> {
    const known = this.#runs.get(resultId);
    if (known !== undefined) return known;
    const begun = { stdout: { bytes: 0, line: "" }, stderr: { bytes: 0, line: "" } };
    this.#runs.set(resultId, begun);
    return begun;
  }
}
