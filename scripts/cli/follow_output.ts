import { setTimeout as sleep } from "node:timers/promises";
import type * as v from "valibot";
import { decode } from "../../wire/codec.ts";
import { Fault } from "../../wire/fault.ts";
import { RunAnswer, TailAnswer } from "../../wire/http.ts";
import { GapEvent, OutputEvent, RestartEvent } from "../../wire/http_live.ts";
import type { ApiClient } from "./api_client.ts";
import { type CommonOptions, type Session, show } from "./command.ts";
import { EXIT } from "./exit_codes.ts";
import type { ServerEvent } from "./server_events.ts";
import type { Terminal } from "./terminal.ts";

/** Before we listen again after the backend went away. */
const RECONNECT_MS = 1_000;

/**
 * Shows what a run has said so far, and with `follow` what it goes on to say until it ends.
 *
 * @returns the exit code: the run's own when it was followed to its end
 */
export async function followOutput(
  session: Session,
  client: ApiClient,
  resultId: string,
  options: CommonOptions & { readonly follow?: boolean },
): Promise<number> {
  const path = `/api/results/${encodeURIComponent(resultId)}`;
  if (options.follow !== true) {
    const tail = await client.get(TailAnswer, `${path}/tail`);
    show(session, options, tail, ({ stdout }) => stdout);
    if (options.json !== true) session.terminal.err(tail.stderr);
    return EXIT.ok;
  }
  const terminal = options.json === true ? SILENT : session.terminal;
  const run = await followRun(client, path, terminal, session.signal);
  if (options.json === true) show(session, options, await client.get(RunAnswer, path), String);
  return ownExitCode(run.exit_code);
}

const SILENT: Pick<Terminal, "out" | "err"> = { out: () => {}, err: () => {} };

/** Shows a run's stream to its end; when the backend goes away, it goes on after the last event once it is back. */
async function followRun(
  client: ApiClient,
  path: string,
  terminal: Pick<Terminal, "out" | "err">,
  signal: AbortSignal,
): Promise<RunAnswer> {
  let lastId: string | undefined;
  for (;;) {
    try {
      for await (const event of await client.stream(`${path}/stream`, signal, lastId)) {
        lastId = event.id ?? lastId;
        if (event.event === "settled") return readEvent(RunAnswer, event);
        showPiece(event, terminal);
      }
    } catch (thrown) {
      if (!isPassing(thrown, signal)) throw thrown;
    }
    await sleep(RECONNECT_MS, undefined, { signal });
  }
}

function showPiece(event: ServerEvent, terminal: Pick<Terminal, "out" | "err">): void {
  if (event.event === "output") {
    const { stream, text } = readEvent(OutputEvent, event);
    terminal[stream === "stdout" ? "out" : "err"](text);
  } else if (event.event === "gap") {
    terminal.err(gapNote(readEvent(GapEvent, event)));
  } else if (event.event === "restart") {
    terminal.err(restartNote(readEvent(RestartEvent, event)));
  }
}

/** What a person is told of bytes that could not be had. */
export function gapNote({ stream, bytes }: GapEvent): string {
  const what = bytes === null ? "some of it" : `${bytes} bytes`;
  return `\n(${stream}: ${what} passed unseen; all that is stored comes in the end)\n`;
}

/** What a person is told before output comes again. */
export function restartNote({ stream, why }: RestartEvent): string {
  const reason = why === "missed" ? "some of it passed unseen" : "it differs from what was seen";
  return `\n(${stream}: ${reason}; this is what is stored, from its beginning)\n`;
}

/** The data of an event. @throws {Fault} when the backend is of another kind */
export function readEvent<S extends v.GenericSchema>(
  schema: S,
  { data }: ServerEvent,
): v.InferOutput<S> {
  return decode(schema, "event of the backend", new TextEncoder().encode(data));
}

/** Whether the stream broke off, or the backend is away: then it is worth listening again. */
export function isPassing(thrown: unknown, signal: AbortSignal): boolean {
  if (signal.aborted) return false;
  return thrown instanceof Fault ? thrown.retryable : true;
}

function ownExitCode(exitCode: number | null): number {
  return exitCode !== null && exitCode >= 0 && exitCode <= 255 ? exitCode : EXIT.failed;
}
