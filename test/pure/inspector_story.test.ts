/** What the inspector says in plain words: why an execution is where it is, what comes next, and by when. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { spanOf, type StoryFacts, storyOf } from "../../actors/inspector/story.ts";
import { executionStatus } from "../../machines/execution.ts";

const NOON = Date.UTC(2026, 4, 20, 12);

function facts(given: Partial<StoryFacts> = {}): StoryFacts {
  return {
    status: "running",
    targetCount: 3,
    settled: 0,
    expired: 0,
    missing: 0,
    succeeded: 0,
    failed: 0,
    skipped: 0,
    expiredRuns: 0,
    event: null,
    pcId: null,
    deadlineAt: NOON + 3_600_000,
    deadlinePassed: false,
    killed: null,
    unsent: 0,
    at: NOON,
    ...given,
  };
}

interface Case {
  readonly when: string;
  readonly given: Partial<StoryFacts>;
  readonly why: string;
  /** The first of what can come next. */
  readonly next: string;
  readonly deadline: string;
}

const IN_AN_HOUR = "Its deadline is in 1 h: who has not begun by then is counted as missing.";
const NOBODY = "Its deadline does not matter any more: nobody is waited for.";

const CASES: readonly Case[] = [
  {
    when: "its command has not left",
    given: { status: "pending", unsent: 1, deadlineAt: null, event: "DISPATCHED" },
    why:
      "It is pending: 1 command of it has not left for the broker yet. It came here by its dispatch.",
    next: "When the first PC begins, it is running.",
    deadline: "It has no deadline yet: that begins when the last of its commands has left.",
  },
  {
    when: "nobody has begun",
    given: { status: "pending" },
    why: "It is pending: it was sent to 3 PCs, and none of them has begun.",
    next: "When the first PC begins, it is running.",
    deadline: IN_AN_HOUR,
  },
  {
    when: "two of three have ended",
    given: { settled: 2, succeeded: 1, failed: 1, event: "RUN_STARTED", pcId: "till-17" },
    why:
      "It is running: 1 of 3 PCs has not ended yet. Of its runs: 1 succeeded, 1 failed. It came here when till-17 began to run it.",
    next: "When the PC that is waited for ends, it is completed.",
    deadline: IN_AN_HOUR,
  },
  {
    when: "one of the others is lost already",
    given: { settled: 1, expired: 1, succeeded: 1, expiredRuns: 1 },
    why: "It is running: 1 of 3 PCs has not ended yet. Of its runs: 1 succeeded, 1 given up.",
    next: "When the PC that is waited for ends, it is expired, because 1 of the others is lost.",
    deadline: IN_AN_HOUR,
  },
  {
    when: "all have answered",
    given: { status: "completed", settled: 3, succeeded: 3, event: "RUN_SETTLED", pcId: "till-17" },
    why:
      "It is completed: all 3 PCs have answered. Of its runs: 3 succeeded. It came here when the run of till-17 ended.",
    next: "Nothing more is waited for. A result that comes again changes nothing.",
    deadline: NOBODY,
  },
  {
    when: "one began and never ended, and one was never heard of",
    given: { status: "expired", settled: 1, expired: 1, missing: 1, deadlinePassed: true },
    why: "It is expired: of 3 PCs, 1 PC began and never told an end, and 1 PC was never heard of.",
    next:
      "If all 2 PCs that were given up answer after all, the execution becomes completed; each answer counts at once.",
    deadline: "Its deadline has passed: who had not begun by then was counted as missing.",
  },
  {
    when: "its deadline has passed and nobody has noticed yet",
    given: { deadlineAt: NOON - 90_000 },
    why: "It is running: 3 of 3 PCs have not ended yet.",
    next: "When all 3 PCs that are waited for have ended, it is completed.",
    deadline:
      "Its deadline was 1 min 30 s ago: the next sweep counts who has not begun as missing, once the streams are read up to it.",
  },
  {
    when: "somebody has killed it",
    given: { killed: { at: NOON, by: "ann" }, settled: 2, succeeded: 2 },
    why:
      "It is running: 1 of 3 PCs has not ended yet. ann has killed it. Of its runs: 2 succeeded.",
    next: "When the PC that is waited for ends, it is completed.",
    deadline: IN_AN_HOUR,
  },
  {
    when: "its state is one of a newer version",
    given: { status: "paused", settled: 3 },
    why: "It is paused, which this version does not know.",
    next: "Nothing more is waited for. A result that comes again changes nothing.",
    deadline: NOBODY,
  },
];

for (const { when, given, why, next, deadline } of CASES) {
  test(`the story of an execution is told when ${when}`, () => {
    const story = storyOf(facts(given));
    assert.deepEqual([story.why, story.next[0], story.deadline], [why, next, deadline]);
  });
}

test("every state of every size has a story without a hole in it", () => {
  const count = fc.integer({ min: 0, max: 5 });
  fc.assert(
    fc.property(
      count,
      count,
      count,
      count,
      fc.boolean(),
      (waiting, settled, expired, missing, any) => {
        const targetCount = waiting + settled + expired + missing;
        const counts = { targetCount, settled, expired, missing };
        const story = storyOf(facts({ ...counts, status: executionStatus(counts, any) }));
        const text = [story.why, ...story.next, story.deadline].join(" ");
        assert.ok(story.next.length > 0);
        assert.doesNotMatch(text, /undefined|null|NaN|\b1 PCs\b|\b0 of\b| {2}/);
      },
    ),
  );
});

const SPANS: readonly (readonly [ms: number, said: string])[] = [
  [400, "less than a second"],
  [1_000, "1 s"],
  [61_000, "1 min 1 s"],
  [3_600_000, "1 h"],
  [90_061_000, "1 d 1 h"],
];

for (const [ms, said] of SPANS) {
  test(`${ms} ms are said as ${said}`, () => assert.equal(spanOf(ms), said));
}
