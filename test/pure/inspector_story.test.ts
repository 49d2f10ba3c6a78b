/** What the inspector says in plain words: why an execution is where it is, what comes next, and by when. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { storyOf } from "../../actors/inspector/story.ts";
import type { StoryFacts } from "../../actors/inspector/story_facts.ts";
import { executionStatus } from "../../machines/execution.ts";

const NOON = Date.UTC(2026, 4, 20, 12);
const IN_AN_HOUR = NOON + 3_600_000;

const SOON = NOON + 300_000;
const BEFORE = NOON - 90_000;

const ROLLOUT: NonNullable<StoryFacts["rollout"]> = {
  status: "waiting",
  wave: 0,
  waves: 3,
  held: null,
  reason: null,
  dueAt: NOON,
  soakUntil: null,
};

const SENT: StoryFacts["sending"] = { waiting: 0, sent: 3, calledOff: 0, waves: null };

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
    dispatchedBy: null,
    cause: { event: null, pcId: null, outcome: null, reason: null, isLate: false },
    sending: SENT,
    rollout: null,
    deadlineAt: IN_AN_HOUR,
    deadlinePassed: false,
    inFlight: null,
    missingFor: null,
    killedBy: null,
    at: NOON,
    ...given,
  };
}

function by(event: string, given: Partial<StoryFacts["cause"]> = {}): Partial<StoryFacts> {
  return {
    cause: { event, pcId: "till-17", outcome: null, reason: null, isLate: false, ...given },
  };
}

interface Case {
  readonly when: string;
  readonly given: Partial<StoryFacts>;
  readonly why: string;
  /** The first of what can come next. */
  readonly next: string;
  /** Each with its time of day before it. */
  readonly deadlines: readonly string[];
}

const HOUR = "13:00 Who has not begun then is counted as missing.";
const NOT_YET = "It has no deadline yet: that begins when the last of it has left.";
const NOBODY = "Its deadline does not matter any more: nobody is waited for.";
const BEGINS = "When the first PC begins, it is running.";

const CASES: readonly Case[] = [
  {
    when: "its command has not left",
    given: {
      status: "pending",
      sending: { ...SENT, waiting: 1, sent: 0 },
      deadlineAt: null,
      dispatchedBy: "ann",
      ...by("DISPATCHED"),
    },
    why:
      "It is pending: 1 command of it has not left for the broker yet. It came here by its dispatch, by ann.",
    next: BEGINS,
    deadlines: [NOT_YET],
  },
  {
    when: "nobody has begun",
    given: { status: "pending" },
    why: "It is pending: it was sent to 3 PCs, and none of them has begun.",
    next: BEGINS,
    deadlines: [HOUR],
  },
  {
    when: "somebody else has dispatched it",
    given: { status: "pending", sending: { ...SENT, sent: 0 }, deadlineAt: null },
    why: "It is pending: it was dispatched to 3 PCs, and none of them has begun.",
    next: BEGINS,
    deadlines: [
      "It has no deadline: it was dispatched by somebody else, or its sending is not noted yet.",
    ],
  },
  {
    when: "it was killed before it left",
    given: { status: "pending", sending: { ...SENT, sent: 0, calledOff: 3 }, killedBy: "ann" },
    why: "It is pending: what was to be sent was called off before it left. ann has killed it.",
    next: BEGINS,
    deadlines: [HOUR],
  },
  {
    when: "the first of its waves has left, and is watched",
    given: {
      settled: 1,
      succeeded: 1,
      sending: { ...SENT, sent: 1, waves: { all: 3, out: 1, isOver: false } },
      rollout: { ...ROLLOUT, status: "soaking", soakUntil: NOON + 600_000 },
      deadlineAt: null,
    },
    why:
      "It is running: 2 of 3 PCs have not ended yet, and 1 of its 3 waves is out. Wave 1 of 3 has left, and is watched. Of its runs: 1 succeeded.",
    next: "When it has been watched for long enough and not too much has failed, wave 2 leaves.",
    deadlines: ["12:10 Until then wave 1 is watched.", NOT_YET],
  },
  {
    when: "no wave has left, because one is held back",
    given: {
      status: "pending",
      sending: { ...SENT, sent: 0, waves: { all: 3, out: 0, isOver: false } },
      rollout: { ...ROLLOUT, held: "the fleet is frozen" },
      deadlineAt: null,
    },
    why:
      "It is pending: it goes out in 3 waves, and none of them is out yet. Wave 1 of 3 is held back: the fleet is frozen.",
    next: "Wave 1 of 3 leaves when it is due and nothing holds it.",
    deadlines: [NOT_YET],
  },
  {
    when: "the rest of its waves was called off",
    given: {
      status: "expired",
      settled: 1,
      succeeded: 1,
      missing: 2,
      missingFor: { not_sent: 2 },
      sending: { ...SENT, sent: 1, waves: { all: 3, out: 1, isOver: true } },
      rollout: { ...ROLLOUT, status: "aborted", reason: "aborted by ann" },
      ...by("TARGETS_DROPPED", { pcId: null }),
    },
    why:
      "It is expired: of 3 PCs, 2 PCs were never sent it. Its rollout was ended: aborted by ann. Of its runs: 1 succeeded. It came here when the rest of its waves were called off.",
    next:
      "If all 2 PCs that were given up answer after all, the execution becomes completed; each answer counts at once.",
    deadlines: [NOBODY],
  },
  {
    when: "two of three have ended",
    given: { settled: 2, succeeded: 1, failed: 1, ...by("RUN_STARTED") },
    why:
      "It is running: 1 of 3 PCs has not ended yet. Of its runs: 1 succeeded, 1 failed. It came here when till-17 began to run it.",
    next: "When the PC that is waited for ends, it is completed.",
    deadlines: [HOUR],
  },
  {
    when: "all who are waited for have begun",
    given: { settled: 2, succeeded: 2, inFlight: { runs: 1, pcs: 1, firstAt: SOON, lastAt: SOON } },
    why: "It is running: 1 of 3 PCs has not ended yet. Of its runs: 2 succeeded.",
    next: "When the PC that is waited for ends, it is completed.",
    deadlines: [
      "Its own deadline does not matter any more: all who are waited for have begun.",
      "12:05 The run in flight is given up then, unless it ends before.",
    ],
  },
  {
    when: "two of three have begun, each with a deadline of its own",
    given: { inFlight: { runs: 2, pcs: 2, firstAt: SOON, lastAt: SOON + 60_000 } },
    why: "It is running: 3 of 3 PCs have not ended yet.",
    next: "When all 3 PCs that are waited for have ended, it is completed.",
    deadlines: [
      HOUR,
      "12:05 The first of 2 runs in flight is given up then, unless it ends before.",
      "12:06 The last of them is given up then, unless it ends before.",
    ],
  },
  {
    when: "a run is past its deadline and nobody has noticed yet",
    given: { targetCount: 1, inFlight: { runs: 1, pcs: 1, firstAt: BEFORE, lastAt: BEFORE } },
    why: "It is running: 1 of 1 PC has not ended yet.",
    next: "When the PC that is waited for ends, it is completed.",
    deadlines: [
      "Its own deadline does not matter any more: all who are waited for have begun.",
      "11:58 The run in flight is given up by the next sweep, once the streams are read up to then.",
    ],
  },
  {
    when: "one of the others is lost already",
    given: { settled: 1, expired: 1, succeeded: 1, expiredRuns: 1 },
    why: "It is running: 1 of 3 PCs has not ended yet. Of its runs: 1 succeeded, 1 given up.",
    next: "When the PC that is waited for ends, it is expired, because 1 of the others is lost.",
    deadlines: [HOUR],
  },
  {
    when: "all have answered",
    given: {
      status: "completed",
      settled: 3,
      succeeded: 3,
      ...by("RUN_SETTLED", { outcome: "succeeded" }),
    },
    why:
      "It is completed: all 3 PCs have answered. Of its runs: 3 succeeded. It came here when the run of till-17 ended.",
    next: "Nothing more is waited for. A result that comes again changes nothing.",
    deadlines: [NOBODY],
  },
  {
    when: "its only run was killed",
    given: {
      status: "completed",
      targetCount: 1,
      settled: 1,
      failed: 1,
      killedBy: "ann",
      ...by("RUN_SETTLED", { outcome: "failed", reason: "killed" }),
    },
    why:
      "It is completed: its PC has answered. ann has killed it. Of its runs: 1 failed. It came here when the run of till-17 ended (killed).",
    next: "Nothing more is waited for. A result that comes again changes nothing.",
    deadlines: [NOBODY],
  },
  {
    when: "the last run was given up",
    given: {
      status: "expired",
      targetCount: 1,
      expired: 1,
      expiredRuns: 1,
      ...by("RUN_SETTLED", { outcome: "expired" }),
    },
    why:
      "It is expired: 1 PC began and never told an end. Of its runs: 1 given up. It came here when the run of till-17 was given up.",
    next:
      "If the PC that was given up answers after all, its truth replaces that, and the execution becomes completed.",
    deadlines: [NOBODY],
  },
  {
    when: "a run that was given up told its end late",
    given: {
      status: "completed",
      targetCount: 1,
      settled: 1,
      failed: 1,
      ...by("RUN_SETTLED", { outcome: "failed", isLate: true }),
    },
    why:
      "It is completed: its PC has answered. Of its runs: 1 failed. It came here when the run of till-17, which had been given up, told its end after all.",
    next: "Nothing more is waited for. A result that comes again changes nothing.",
    deadlines: [NOBODY],
  },
  {
    when: "one began and never ended, and one was never heard of",
    given: {
      status: "expired",
      settled: 1,
      expired: 1,
      missing: 1,
      missingFor: { silent: 1 },
      deadlinePassed: true,
    },
    why: "It is expired: of 3 PCs, 1 PC began and never told an end, and 1 PC was never heard of.",
    next:
      "If all 2 PCs that were given up answer after all, the execution becomes completed; each answer counts at once.",
    deadlines: ["Its deadline has passed: who had not begun by then was counted as missing."],
  },
  {
    when: "why PCs were missing then is not known any more",
    given: { status: "expired", settled: 1, missing: 2, missingFor: null, deadlinePassed: true },
    why: "It is expired: of 3 PCs, 2 PCs were missing.",
    next:
      "If all 2 PCs that were given up answer after all, the execution becomes completed; each answer counts at once.",
    deadlines: ["Its deadline has passed: who had not begun by then was counted as missing."],
  },
  {
    when: "its deadline has passed and nobody has noticed yet",
    given: { deadlineAt: BEFORE },
    why: "It is running: 3 of 3 PCs have not ended yet.",
    next: "When all 3 PCs that are waited for have ended, it is completed.",
    deadlines: [
      "11:58 The next sweep counts who has not begun as missing, once the streams are read up to then.",
    ],
  },
  {
    when: "somebody has killed it",
    given: { killedBy: "ann", settled: 2, succeeded: 2 },
    why:
      "It is running: 1 of 3 PCs has not ended yet. ann has killed it. Of its runs: 2 succeeded.",
    next: "When the PC that is waited for ends, it is completed.",
    deadlines: [HOUR],
  },
  {
    when: "its state is one of a newer version",
    given: { status: "paused", settled: 3 },
    why: "It is paused, which this version does not know.",
    next: "Nothing more is waited for. A result that comes again changes nothing.",
    deadlines: [NOBODY],
  },
];

for (const { when, given, why, next, deadlines } of CASES) {
  test(`the story of an execution is told when ${when}`, () => {
    const story = storyOf(facts(given));
    assert.equal(story.why, why);
    assert.equal(story.next[0], next);
    assert.deepEqual(
      story.deadlines.map(({ at, words }) => at === null ? words : `${at.slice(11, 16)} ${words}`),
      deadlines,
    );
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
        const text = [story.why, ...story.next, ...story.deadlines.map(({ words }) => words)]
          .join(" ");
        assert.ok(story.next.length > 0);
        assert.doesNotMatch(text, /undefined|null|NaN|\b1 PCs\b|\b0 of\b| {2}/);
      },
    ),
  );
});
