/** What the messages of one run are told from, and how a step of it is made. */
import type { SequenceAnswer } from "../../wire/http_inspector.ts";
import { formatInstant } from "../../wire/time.ts";
import type { Stored, StoredMessages } from "./stored_messages.ts";

/** What the rows say of one run. Instants in ms since the epoch. */
export interface RunFacts {
  readonly resultId: string;
  readonly requestId: string;
  readonly execId: string | null;
  readonly pcId: string;
  /** The run that it is a part of: only that one counts. */
  readonly parentResultId: string | null;
  /** Null while in flight. */
  readonly outcome: string | null;
  readonly outcomeReason: string | null;
  readonly exitCode: number | null;
  /** By the agent's clock. */
  readonly startedAt: number;
  /** By the agent's clock; of a run that was given up, by ours. */
  readonly finishedAt: number | null;
  /** When the broker stored the run's first message. */
  readonly recordedAt: number;
  /** Whether its started event was read: only that tells the version. */
  readonly startKnown: boolean;
  /** When it is given up; null = a day after it was recorded. */
  readonly expiresAt: number | null;
  /** The real result came after it was given up. */
  readonly late: boolean;
}

/** What the rows say of the dispatch that it belongs to. */
export interface DispatchFacts {
  readonly initiatedBy: string | null;
  readonly initiatedAt: number;
  readonly job: string;
  /** Every run of it was to end. */
  readonly killedAt: number | null;
  readonly killedBy: string | null;
  /** The command that reached the PC; null = dispatched by somebody else. */
  readonly command: {
    readonly subject: string;
    readonly state: string;
    /** By the broker's clock. */
    readonly sentAt: number | null;
    readonly streamSequence: number | null;
    /** From 0; null = it went out at once. */
    readonly wave: number | null;
  } | null;
  /** The execution whose rest it runs again. */
  readonly retryOf: string | null;
}

/** A change of the execution that this run caused. */
export interface CausedTransition {
  readonly at: number;
  readonly from: string | null;
  readonly to: string;
  readonly event: string;
}

export type Command = NonNullable<DispatchFacts["command"]>;
export type Step = SequenceAnswer["steps"][number];
type Clock = Step["clock"];

/** Everything that is known of one run. */
export interface SequenceFacts {
  readonly run: RunFacts;
  /** Null = nobody's, or a foreign dispatcher's. */
  readonly dispatch: DispatchFacts | null;
  /** Oldest first. */
  readonly caused: readonly CausedTransition[];
  readonly stored: StoredMessages;
}

/** A message is committed with the move that it caused; of one that moved nothing only the order is known. */
export function readWith({ at: committedAt }: When): string {
  return committedAt === null ? "read" : "read, and committed in one transaction with what follows";
}

/** Where the broker keeps it. */
export function storedIn(stream: string, stored: Stored | null): string {
  return stored === null
    ? `stored in ${stream}`
    : `stored in ${stream}, message ${stored.sequence}`;
}

/** Where no started event was read, the result tells when it began; one that never did began and ended at once. */
export function hasBegun({ startKnown, startedAt, finishedAt }: RunFacts): boolean {
  return startKnown || startedAt !== finishedAt;
}

/** `running → completed` */
export function movedBy({ from, to }: CausedTransition): string {
  return from === null ? to : `${from} → ${to}`;
}

/** When something happened, and whose clock says so. */
export type When = Pick<Step, "at" | "clock" | "happened">;

/** It happened, and nothing tells when. */
export const UNRECORDED: When = { at: null, clock: "none", happened: true };
/** It has not happened. */
export const PENDING: When = { at: null, clock: "none", happened: false };

/** @param instant ms since the epoch */
export function at(instant: number, clock: Clock): When {
  return { at: formatInstant(instant), clock, happened: true };
}

/** One message, or what a party does by itself. */
export function step(from: string, to: string, label: string, detail: string, when: When): Step {
  return { from, to, label, detail, ...when };
}
