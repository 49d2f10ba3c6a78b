/** Every machine, for the audit, the diagrams and the inspector. The agent has no business with all of them. */
import type { AnyStateMachine } from "xstate";
import * as agentCommand from "./agent_command.ts";
import * as connection from "./connection.ts";
import * as execution from "./execution.ts";
import { executionsRootMachine } from "./executions_root.ts";
import type { ExecutionsRootEvent } from "./executions_root.ts";
import * as outboxEntry from "./outbox_entry.ts";
import * as reaper from "./reaper.ts";
import * as rollout from "./rollout.ts";
import * as supervisor from "./supervisor.ts";

/** Events by state (`parent.child`, `""` = anywhere) that are taken without effect there and below. */
export type Ignored = Readonly<Record<string, readonly string[]>>;

/** One machine and what the audit holds it to. */
export interface ListedMachine {
  /** The file's name in `machines/`, without its ending. */
  readonly name: string;
  readonly machine: AnyStateMachine;
  readonly input?: unknown;
  /** Every type of event that it may be sent. */
  readonly events: readonly string[];
  readonly ignored: Ignored;
}

/** The types of a union of events; the compiler holds the list to the union, both ways. */
function eventsOf<E extends { readonly type: string }>(
  events: Record<E["type"], true>,
): readonly string[] {
  return Object.keys(events);
}

export const MACHINES: readonly ListedMachine[] = [
  {
    name: "agent_command",
    machine: agentCommand.agentCommand,
    input: { jitterSecs: 0, timeoutSecs: 60, retriesMax: 0, retryBackoffSecs: 0 },
    events: eventsOf<agentCommand.Event>({
      ADMITTED: true,
      DUPLICATE: true,
      CONFLICT: true,
      UNWRITABLE: true,
      INTERRUPTED: true,
      GATES_OPEN: true,
      GATE_CLOSED: true,
      SLEPT: true,
      SLOT_GRANTED: true,
      START_RECORDED: true,
      ENDED: true,
      TIMED_OUT: true,
      KILL: true,
      STOP: true,
      STOP_NOW: true,
      REPORTED: true,
    }),
    ignored: agentCommand.IGNORED,
  },
  {
    name: "connection",
    machine: connection.connectionMachine,
    events: eventsOf<connection.ConnectionEvent>({
      CONNECTED: true,
      LOST: true,
      ATTEMPT_FAILED: true,
      CLOSED: true,
    }),
    ignored: connection.IGNORED,
  },
  {
    name: "execution",
    machine: execution.executionMachine,
    input: { execId: "e", targetCount: 1 },
    events: eventsOf<execution.ExecutionEvent>({
      RUN_STARTED: true,
      RUN_SETTLED: true,
      RUNS_SETTLED: true,
      DEADLINE_PASSED: true,
      TARGETS_DROPPED: true,
    }),
    ignored: execution.IGNORED,
  },
  {
    name: "executions_root",
    machine: executionsRootMachine,
    events: eventsOf<ExecutionsRootEvent>({ FORGET: true }),
    ignored: {},
  },
  {
    name: "outbox_entry",
    machine: outboxEntry.outboxEntry,
    events: eventsOf<outboxEntry.Event>({
      SEND: true,
      ACKED: true,
      LOST: true,
      REJECTED: true,
      UNREADABLE: true,
      RESTORED: true,
    }),
    ignored: outboxEntry.IGNORED,
  },
  {
    name: "reaper",
    machine: reaper.reaperMachine,
    events: eventsOf<reaper.ReaperEvent>({ DUE: true, HELD_BACK: true, CHUNK_REAPED: true }),
    ignored: reaper.IGNORED,
  },
  {
    name: "rollout",
    machine: rollout.rolloutMachine,
    input: { execId: "e", dueAts: [0], soakMs: 0, limit: { failures: null, percent: null } },
    events: eventsOf<rollout.RolloutEvent>({
      DUE: true,
      HELD: true,
      SENT: true,
      SOAKED: true,
      COUNTED: true,
      REVOKED: true,
      TOO_LATE: true,
      PAUSE: true,
      RESUME: true,
      ABORT: true,
      KILLED: true,
    }),
    ignored: rollout.IGNORED,
  },
  {
    name: "supervisor",
    machine: supervisor.supervisedMachine,
    input: { withinMs: 60_000, atMost: 10 },
    events: eventsOf<supervisor.SupervisedEvent>({
      READY: true,
      FAILED: true,
      RESTART_DUE: true,
      STOP: true,
      STOPPED: true,
    }),
    ignored: supervisor.IGNORED,
  },
];
