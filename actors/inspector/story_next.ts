/** What can happen to an execution next, in plain words. */
import { executionStatus, waitingTargets } from "../../machines/execution.ts";
import type { StoryFacts } from "./story_facts.ts";
import { rolloutNext } from "./story_rollout.ts";

/** Each a sentence; there is always one. */
export function nextOf(facts: StoryFacts): readonly string[] {
  const waiting = waitingTargets(facts);
  if (waiting > 0) return whileWaiting(facts, waiting);
  const late = facts.expired + facts.missing;
  if (late === 0) return ["Nothing more is waited for. A result that comes again changes nothing."];
  return [
    late === 1
      ? "If the PC that was given up answers after all, its truth replaces that, and the execution becomes completed."
      : `If all ${late} PCs that were given up answer after all, the execution becomes completed; each answer counts at once.`,
  ];
}

function whileWaiting(facts: StoryFacts, waiting: number): readonly string[] {
  const { status, killedBy } = facts;
  const stops = killedBy === null
    ? []
    : ["What still runs is told to stop, and reports that it was killed."];
  return [
    ...rolloutNext(facts),
    ...(status === "pending" ? ["When the first PC begins, it is running."] : []),
    lastAnswer(facts, waiting),
    ...stops,
    "A run that tells no end by its own deadline is given up, and counts as expired until its truth comes.",
  ];
}

function lastAnswer(facts: StoryFacts, waiting: number): string {
  const lost = facts.expired + facts.missing;
  const ends = executionStatus({ ...facts, settled: facts.settled + waiting }, true);
  const last = waiting === 1
    ? "When the PC that is waited for ends"
    : `When all ${waiting} PCs that are waited for have ended`;
  const because = ends === "expired"
    ? `, because ${lost} of the others ${lost === 1 ? "is" : "are"} lost`
    : "";
  return `${last}, it is ${ends}${because}.`;
}
