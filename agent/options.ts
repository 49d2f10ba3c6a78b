/** What somebody says of the agent that they start. */
import type { BrokerAccess } from "../actors/bus.ts";
import type { Log } from "../actors/log.ts";
import type { Clock, Time } from "../actors/system/clock.ts";
import type { JobHandlers } from "./handlers.ts";

export interface AgentOptions extends BrokerAccess {
  /** The name under which the backend knows this machine; it becomes a part of subjects. */
  readonly pcId: string;
  /** True when the credential is fenced to this agent (ARCHITECTURE.md, "Who may do what"); false for one that a fleet shares. */
  readonly ownCredential?: boolean;
  /** The memory of the agent: one directory for each, on a disk that keeps what it fsyncs. */
  readonly dataDir: string;
  /** Silent unless given. */
  readonly log?: Log;
  /** Of which scripts see an allow-list; the process's own unless given. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** How long `stop` lets scripts run on, milliseconds; 20 s unless given. */
  readonly stopGraceMs?: number;
  /** Code of yours that runs in place of a shell: by job id, or `"*"` for every other job. */
  readonly handlers?: JobHandlers;
  /** Base64 of the ed25519 public keys whose signatures on commands are verified. */
  readonly commandKeys?: readonly string[];
  /** Whether a command that none of them has signed is refused; else it runs, and the log says so. */
  readonly requireSignatures?: boolean;
  /** Who `run_as: user` is (Linux, as root); who is at the console unless given. */
  readonly runAsUser?: string;
  readonly clock?: Clock;
  /** What the outbox, jitters and pauses between attempts are counted by; that of the process unless given. */
  readonly time?: Time;
  /** Whole numbers in [0, below), for the jitter. */
  readonly random?: (below: number) => number;
}
