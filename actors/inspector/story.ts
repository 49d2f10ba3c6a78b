/** In plain words: why an execution is where it is, what can happen next, and when its deadline is. */
import { executionStatus, waitingTargets } from "../../machines/execution.ts";
import type { StoryAnswer } from "../../wire/http_inspector.ts";

/** What is known of an execution at one moment. Instants in ms since the epoch. */
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
  /** The event that brought it here, and the PC that it came from. */
  readonly event: string | null;
  readonly pcId: string | null;
  /** Null while a part of it was not sent yet, or when it was dispatched by somebody else. */
  readonly deadlineAt: number | null;
  readonly deadlinePassed: boolean;
  readonly killed: { readonly at: number; readonly by: string } | null;
  /** Commands that have not left for the broker. */
  readonly unsent: number;
  /** The moment that is told of. */
  readonly at: number;
}

/** Tells the story of one moment. */
export function storyOf(facts: StoryFacts): StoryAnswer {
  return { why: sentences(whyOf(facts)), next: [...nextOf(facts)], deadline: deadlineOf(facts) };
}

function whyOf(facts: StoryFacts): readonly string[] {
  return [stateOf(facts), ...killOf(facts), ...answersOf(facts), ...causeOf(facts)];
}

function stateOf(facts: StoryFacts): string {
  const waiting = waitingTargets(facts);
  const all = pcs(facts.targetCount);
  switch (facts.status) {
    case "pending":
      return facts.unsent > 0
        ? `It is pending: ${count(facts.unsent, "command")} of it ${
          facts.unsent === 1 ? "has" : "have"
        } not left for the broker yet`
        : `It is pending: it was sent to ${all}, and none of them has begun`;
    case "running":
      return `It is running: ${waiting} of ${all} ${waiting === 1 ? "has" : "have"} not ended yet`;
    case "completed":
      return facts.targetCount === 1
        ? "It is completed: its PC has answered"
        : `It is completed: all ${all} have answered`;
    case "expired":
      return `It is expired: ${lostOf(facts)}`;
    default:
      return `It is ${facts.status}, which this version does not know`;
  }
}

function lostOf({ expired, missing, targetCount }: StoryFacts): string {
  const parts = [
    ...(expired === 0 ? [] : [`${pcs(expired)} began and never told an end`]),
    ...(missing === 0 ? [] : [`${pcs(missing)} ${missing === 1 ? "was" : "were"} never heard of`]),
  ];
  const lost = parts.join(", and ");
  return targetCount === expired + missing ? lost : `of ${pcs(targetCount)}, ${lost}`;
}

function killOf({ killed }: StoryFacts): readonly string[] {
  return killed === null ? [] : [`${killed.by} has killed it`];
}

function answersOf(facts: StoryFacts): readonly string[] {
  const counts = [
    [facts.succeeded, "succeeded"],
    [facts.failed, "failed"],
    [facts.skipped, "skipped it"],
    [facts.expiredRuns, "given up"],
  ] as const;
  const told = counts.filter(([runs]) => runs > 0).map(([runs, what]) => `${runs} ${what}`);
  return told.length === 0 ? [] : [`Of its runs: ${told.join(", ")}`];
}

function causeOf({ event, pcId }: StoryFacts): readonly string[] {
  const who = pcId ?? "a PC";
  switch (event) {
    case "DISPATCHED":
      return ["It came here by its dispatch"];
    case "RUN_STARTED":
      return [`It came here when ${who} began to run it`];
    case "RUN_SETTLED":
      return [`It came here when the run of ${who} ended`];
    case "RUNS_SETTLED":
      return [`It came here when several runs ended at once, that of ${who} last`];
    case "DEADLINE_PASSED":
      return ["It came here when its deadline passed"];
    default:
      return [];
  }
}

function nextOf(facts: StoryFacts): readonly string[] {
  const waiting = waitingTargets(facts);
  if (waiting > 0) return whileWaiting(facts, waiting);
  if (facts.expired + facts.missing > 0) {
    const late = facts.expired + facts.missing;
    return [
      late === 1
        ? "If the PC that was given up answers after all, its truth replaces that, and the execution becomes completed."
        : `If all ${late} PCs that were given up answer after all, the execution becomes completed; each answer counts at once.`,
    ];
  }
  return ["Nothing more is waited for. A result that comes again changes nothing."];
}

function whileWaiting(facts: StoryFacts, waiting: number): readonly string[] {
  const begins = facts.status === "pending" ? ["When the first PC begins, it is running."] : [];
  const alone = { ...facts, settled: facts.settled + waiting };
  const ends = executionStatus(alone, true);
  const last = waiting === 1
    ? "When the PC that is waited for ends"
    : `When all ${waiting} PCs that are waited for have ended`;
  const because = ends === "expired"
    ? `, because ${facts.expired + facts.missing} of the others ${
      facts.expired + facts.missing === 1 ? "is" : "are"
    } lost`
    : "";
  const kill = facts.killed === null
    ? []
    : ["What still runs is told to stop, and reports that it was killed."];
  return [
    ...begins,
    `${last}, it is ${ends}${because}.`,
    ...kill,
    "A run that tells no end by its own deadline is given up, and then it can only become expired.",
  ];
}

function deadlineOf(facts: StoryFacts): string {
  const { deadlineAt, deadlinePassed, unsent, at } = facts;
  if (deadlinePassed) {
    return "Its deadline has passed: who had not begun by then was counted as missing.";
  }
  if (deadlineAt === null) {
    return unsent > 0
      ? "It has no deadline yet: that begins when the last of its commands has left."
      : "It has no deadline: it was dispatched by somebody else, or its sending is not noted yet.";
  }
  if (waitingTargets(facts) === 0) {
    return "Its deadline does not matter any more: nobody is waited for.";
  }
  const away = deadlineAt - at;
  return away > 0
    ? `Its deadline is in ${spanOf(away)}: who has not begun by then is counted as missing.`
    : `Its deadline was ${
      spanOf(-away)
    } ago: the next sweep counts who has not begun as missing, once the streams are read up to it.`;
}

/** A span as a person says it: the two largest units. */
export function spanOf(ms: number): string {
  const secs = Math.round(ms / 1_000);
  const units = [
    [Math.floor(secs / 86_400), "d"],
    [Math.floor(secs / 3_600) % 24, "h"],
    [Math.floor(secs / 60) % 60, "min"],
    [secs % 60, "s"],
  ] as const;
  const first = units.findIndex(([amount]) => amount > 0);
  if (first === -1) return "less than a second";
  return units.slice(first, first + 2).filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`).join(" ");
}

function sentences(parts: readonly string[]): string {
  return parts.map((part) => `${part}.`).join(" ");
}

function pcs(amount: number): string {
  return count(amount, "PC");
}

function count(amount: number, what: string): string {
  return `${amount} ${what}${amount === 1 ? "" : "s"}`;
}
