/** How every process of ours begins and ends: one clear line for a fault, ordered stop at a signal. */
import process from "node:process";
import { createLog, type Log } from "../actors/log.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { keepHeapSmall } from "./heap.ts";
import { readSettings, type Settings } from "./settings.ts";

/** Something that was started. */
export interface Started {
  readonly failed: Promise<Error>;
  /** Aborting the signal ends the waiting at once. */
  stop(signal?: AbortSignal): Promise<void>;
}

/** Faults that whoever starts the process can mend: exit code 2 (the rest: 1). */
const USAGE_CODES = new Set([
  "bad_setting",
  "broker_missing",
  "conflict",
  "database_from_the_future",
  "not_writable",
  "port_in_use",
]);

/**
 * Runs a process: reads the settings, starts, waits for a signal or a failure, and stops in order. A signal is heard
 * while it starts, too; a second one ends it at once.
 *
 * @param start ends early, with nothing left running, when the signal aborts
 */
export async function runProcess(
  start: (settings: Settings, log: Log, signal: AbortSignal) => Promise<Started>,
): Promise<void> {
  keepHeapSmall();
  const asked = new AbortController();
  const impatient = new AbortController();
  hearSignals(asked, impatient);
  let started: Started;
  try {
    const settings = readSettings(process.env);
    const log = createLog({ level: settings.logLevel, pretty: process.stderr.isTTY });
    started = await start(settings, log, asked.signal);
  } catch (thrown) {
    if (asked.signal.aborted) process.exit(0);
    process.stderr.write(`${messageOf(thrown)}\n`);
    process.exit(thrown instanceof Fault && USAGE_CODES.has(thrown.code) ? 2 : 1);
  }
  const failure = await Promise.race([aborted(asked.signal), started.failed]);
  if (failure !== undefined) process.stderr.write(`${messageOf(failure)}\n`);
  await started.stop(impatient.signal);
  process.exit(failure === undefined ? 0 : 1);
}

/** The first signal aborts the first controller, the second one the second; the third one ends the process. */
function hearSignals(asked: AbortController, impatient: AbortController): void {
  const onSignal = () => {
    if (!asked.signal.aborted) asked.abort(new Error("a signal came"));
    else if (!impatient.signal.aborted) impatient.abort(new Error("a second signal came"));
    else process.exit(1);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}
