import type { Log } from "../actors/log.ts";
import type { Clock, Timers } from "../actors/system/clock.ts";
import type { Facts } from "./facts.ts";
import type { Handlers } from "./handlers.ts";
import type { Ledger } from "./ledger.ts";
import type { LiveOutputs } from "./live_output.ts";
import type { Outbox } from "./outbox.ts";
import type { PatientDisk } from "./patient_disk.ts";
import type { RunAs } from "./run_as.ts";
import type { ScriptSource } from "./script_source.ts";
import type { Slots } from "./slots.ts";

/** What a command run touches; one set for all commands of an agent. */
export interface CommandTools {
  readonly pcId: string;
  readonly ledger: Ledger;
  readonly facts: Facts;
  readonly slots: Slots;
  readonly outbox: Outbox;
  readonly live: LiveOutputs;
  readonly scripts: ScriptSource;
  /** Run in place of a shell where one fits. */
  readonly handlers: Handlers;
  readonly runAs: RunAs;
  /** Where each run has a private directory for its script. */
  readonly runsDirectory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whole numbers in [0, below). */
  readonly random: (below: number) => number;
  readonly clock: Clock;
  /** By which jitters and pauses between attempts are waited for. */
  readonly timers: Timers;
  readonly log: Log;
  readonly disk: PatientDisk;
}
