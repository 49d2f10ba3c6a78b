/** The share of the fleet that lives in this process. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { Log } from "../../actors/log.ts";
import { sharedAccess } from "./access.ts";
import { Fleet } from "./fleet.ts";
import type { FleetOptions } from "./options.ts";
import type { Totals } from "./totals.ts";
import type { Settings } from "../settings.ts";

export interface RunHereOptions {
  readonly options: FleetOptions;
  readonly member: number;
  readonly settings: Settings;
  readonly log: Log;
  /** Aborts when it is to stop, and when it is to stop at once. */
  readonly asked: AbortSignal;
  readonly impatient: AbortSignal;
  /** Told all the time. */
  readonly tell: (totals: Totals) => void;
}

const TELL_EVERY_MS = 1_000;

/** Runs until it is asked to stop; gives its last totals. @throws {Fault} when there is no broker to be found */
export async function runHere(run: RunHereOptions): Promise<Totals> {
  const { options, member, settings, log, asked, impatient, tell } = run;
  const directory = options.dir ?? await mkdtemp(join(tmpdir(), "kanade-fleet-"));
  try {
    const access = await sharedAccess(settings, options.server);
    const fleet = await Fleet.of(options, member, { access, directory, log });
    const telling = setInterval(() => tell(fleet.totals()), TELL_EVERY_MS);
    try {
      await fleet.start(asked);
      await abortOf(asked);
      await fleet.stop(impatient);
    } finally {
      clearInterval(telling);
    }
    return fleet.totals();
  } finally {
    if (options.dir === undefined) await removeTree(directory);
  }
}

function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

async function removeTree(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true, maxRetries: 3 }).catch((thrown: unknown) => {
    process.stderr.write(`Cannot remove ${directory}: ${String(thrown)}\n`);
  });
}
