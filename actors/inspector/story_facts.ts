/** What the story of an execution at one moment is told from. Instants in ms since the epoch. */
export interface StoryFacts {
  /** pending, running, completed, expired; a newer version may know others. */
  readonly status: string;
  readonly targetCount: number;
  /** Targets by state; those that wait are the rest. */
  readonly settled: number;
  readonly expired: number;
  readonly missing: number;
  /** Runs by outcome. */
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly expiredRuns: number;
  /** Null = not known. */
  readonly dispatchedBy: string | null;
  readonly cause: Cause;
  readonly sending: Sending;
  /** How its rollout stands; null = it has none, or that moment is over. */
  readonly rollout: RolloutNow | null;
  /** Null = there is none then: a part of it was not sent, or it was dispatched by somebody else. */
  readonly deadlineAt: number | null;
  readonly deadlinePassed: boolean;
  readonly inFlight: InFlight | null;
  /** How many are missing for each reason; null = not known of that moment. */
  readonly missingFor: Readonly<Record<string, number>> | null;
  readonly killedBy: string | null;
  /** The moment that is told of. */
  readonly at: number;
}

/** What brought it there. */
export interface Cause {
  readonly event: string | null;
  /** Of the run that it came from. */
  readonly pcId: string | null;
  /** How that run stood then; null = in flight. */
  readonly outcome: string | null;
  /** Why it ended so, where that was not the script's own doing. */
  readonly reason: string | null;
  /** It had been given up before. */
  readonly isLate: boolean;
}

/** What had left for the PCs. */
export interface Sending {
  /** Commands that had not left. */
  readonly waiting: number;
  readonly sent: number;
  /** Commands that never will: called off by a kill, too old, refused by the broker. */
  readonly calledOff: number;
  /** Null = it goes out at once. */
  readonly waves: {
    readonly all: number;
    /** Those that had begun to leave. */
    readonly out: number;
    /** Those that had not never will. */
    readonly isOver: boolean;
  } | null;
}

/** A rollout as it is now. */
export interface RolloutNow {
  readonly status: string;
  /** The present one, from 0. */
  readonly wave: number;
  readonly waves: number;
  readonly held: string | null;
  readonly reason: string | null;
  /** When the present wave may begin. */
  readonly dueAt: number;
  /** When it has been watched for long enough; null = it has not left. */
  readonly soakUntil: number | null;
}

/** Runs that have not ended, and when they are given up. */
export interface InFlight {
  readonly runs: number;
  /** PCs of those that are waited for. */
  readonly pcs: number;
  readonly firstAt: number;
  readonly lastAt: number;
}

/** An instant, ms since the epoch, and what it means; null = there is none. */
export interface Deadline {
  readonly at: number | null;
  readonly words: string;
}

/** `1 PC`, `3 PCs` */
export function pcs(amount: number): string {
  return count(amount, "PC");
}

/** `1 run`, `3 runs` */
export function count(amount: number, what: string): string {
  return `${amount} ${what}${amount === 1 ? "" : "s"}`;
}

/** Whether a part of it was still to be sent at that moment. */
export function isUnsent({ sending: { waiting, waves } }: StoryFacts): boolean {
  return waiting > 0 || (waves !== null && !waves.isOver && waves.out < waves.all);
}
