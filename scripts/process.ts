/** How every process of ours begins and ends: one clear line for a fault, ordered stop at a signal. */
import process from "node:process";
import { createLog, type Log } from "../actors/log.ts";
import { Fault, messageOf } from "../wire/fault.ts";
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
 * Runs a process: reads the settings, starts, waits for a signal or a failure, and stops in order. A second signal
 * ends it at once.
 */
export async function runProcess(
  start: (settings: Settings, log: Log) => Promise<Started>,
): Promise<void> {
  let started: Started;
  try {
    const settings = readSettings(process.env);
    const log = createLog({ level: settings.logLevel, pretty: process.stderr.isTTY });
    started = await start(settings, log);
  } catch (thrown) {
    process.stderr.write(`${messageOf(thrown)}\n`);
    process.exit(thrown instanceof Fault && USAGE_CODES.has(thrown.code) ? 2 : 1);
  }
  const impatient = new AbortController();
  const asked = signalled(impatient);
  const failure = await Promise.race([asked, started.failed]);
  if (failure !== undefined) process.stderr.write(`${messageOf(failure)}\n`);
  await started.stop(impatient.signal);
  process.exit(failure === undefined ? 0 : 1);
}

/** Resolves at the first signal; the second one aborts the controller, the third one ends the process. */
function signalled(impatient: AbortController): Promise<undefined> {
  return new Promise((resolve) => {
    let count = 0;
    const onSignal = () => {
      count += 1;
      if (count === 1) resolve(undefined);
      else if (count === 2) impatient.abort(new Error("a second signal came"));
      else process.exit(1);
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}
