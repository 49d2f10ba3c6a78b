/** In plain words: why an execution is where it is, what can happen next, and by when. */
import { waitingTargets } from "../../machines/execution.ts";
import type { StoryAnswer } from "../../wire/http_inspector.ts";
import { formatInstantOrNull } from "../../wire/time.ts";
import { deadlinesOf } from "./story_deadlines.ts";
import { count, pcs, type StoryFacts } from "./story_facts.ts";
import { nextOf } from "./story_next.ts";
import { rolloutWhy } from "./story_rollout.ts";

/** Tells the story of one moment. */
export function storyOf(facts: StoryFacts): StoryAnswer {
  return {
    why: whyOf(facts).map((part) => `${part}.`).join(" "),
    next: [...nextOf(facts)],
    deadlines: deadlinesOf(facts).map(({ at, words }) => ({
      at: formatInstantOrNull(at),
      words,
    })),
  };
}

function whyOf(facts: StoryFacts): readonly string[] {
  return [
    stateOf(facts),
    ...killOf(facts),
    ...rolloutWhy(facts.rollout),
    ...answersOf(facts),
    ...causeOf(facts),
  ];
}

function stateOf(facts: StoryFacts): string {
  const waiting = waitingTargets(facts);
  const all = pcs(facts.targetCount);
  const { waves } = facts.sending;
  switch (facts.status) {
    case "pending":
      return `It is pending: ${pendingOf(facts)}`;
    case "running":
      return `It is running: ${waiting} of ${all} ${waiting === 1 ? "has" : "have"} not ended yet${
        waves !== null && waves.out < waves.all ? `, and ${wavesOut(waves)}` : ""
      }`;
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

function pendingOf(facts: StoryFacts): string {
  const { sending: { waiting, sent, calledOff, waves }, targetCount } = facts;
  const nobody = targetCount === 1 ? "it has not begun" : "none of them has begun";
  if (waves !== null && waves.out < waves.all) {
    return waves.out === 0
      ? `it goes out in ${count(waves.all, "wave")}, and none of them is out yet`
      : `${wavesOut(waves)}, and nobody has begun`;
  }
  if (waiting > 0) {
    return `${count(waiting, "command")} of it ${
      waiting === 1 ? "has" : "have"
    } not left for the broker yet`;
  }
  if (sent === 0 && calledOff > 0) return "what was to be sent was called off before it left";
  const way = sent > 0 ? "sent" : "dispatched";
  return `it was ${way} to ${pcs(targetCount)}, and ${nobody}`;
}

function wavesOut({ all, out }: NonNullable<StoryFacts["sending"]["waves"]>): string {
  return `${out} of its ${count(all, "wave")} ${out === 1 ? "is" : "are"} out`;
}

/** In the order in which they are told; the rest of a reason that a newer version knows is only counted. */
const MISSING: readonly (readonly [reason: string, one: string, many: string])[] = [
  ["silent", "was never heard of", "were never heard of"],
  ["superseded", "got a newer command in its place", "got a newer command in its place"],
  ["not_sent", "was never sent it", "were never sent it"],
  ["killed", "had not begun when it was killed", "had not begun when it was killed"],
];

function lostOf(facts: StoryFacts): string {
  const { expired, missing, targetCount } = facts;
  const parts = [
    ...(expired === 0 ? [] : [`${pcs(expired)} began and never told an end`]),
    ...(missing === 0 ? [] : missingOf(facts)),
  ];
  const lost = parts.join(", and ");
  return targetCount === expired + missing ? lost : `of ${pcs(targetCount)}, ${lost}`;
}

function missingOf({ missing, missingFor }: StoryFacts): readonly string[] {
  const told = MISSING.flatMap(([reason, one, many]) => {
    const amount = missingFor?.[reason] ?? 0;
    return amount === 0 ? [] : [{ amount, words: `${pcs(amount)} ${amount === 1 ? one : many}` }];
  });
  const sum = told.reduce((all, { amount }) => all + amount, 0);
  if (sum === missing) return told.map(({ words }) => words);
  return [`${pcs(missing)} ${missing === 1 ? "was" : "were"} missing`];
}

function killOf({ killedBy }: StoryFacts): readonly string[] {
  return killedBy === null ? [] : [`${killedBy} has killed it`];
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

function causeOf({ cause, dispatchedBy }: StoryFacts): readonly string[] {
  const who = cause.pcId ?? "a PC";
  switch (cause.event) {
    case "DISPATCHED":
      return [`It came here by its dispatch${dispatchedBy === null ? "" : `, by ${dispatchedBy}`}`];
    case "RUN_STARTED":
      return [`It came here when ${who} began to run it`];
    case "RUN_SETTLED":
      return [`It came here when ${endOf(cause, who)}`];
    case "RUNS_SETTLED":
      return [`It came here when several runs ended at once, that of ${who} last`];
    case "DEADLINE_PASSED":
      return ["It came here when its deadline passed"];
    case "TARGETS_DROPPED":
      return ["It came here when the rest of its waves were called off"];
    default:
      return [];
  }
}

function endOf({ outcome, reason, isLate }: StoryFacts["cause"], who: string): string {
  if (outcome === "expired") return `the run of ${who} was given up`;
  const why = reason === null ? "" : ` (${reason.replaceAll("_", " ")})`;
  return isLate
    ? `the run of ${who}, which had been given up, told its end after all${why}`
    : `the run of ${who} ended${why}`;
}
