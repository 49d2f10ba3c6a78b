/** What of a moment's story no count tells: what brought it about, what had left, and by when. */
import type { RunBrief } from "../../db/inspection.ts";
import type { Rollout } from "../../db/rollouts.ts";
import { executionDeadlineAt } from "../../wire/deadlines.ts";
import type { ExecutionFacts, Moment } from "./execution_facts.ts";
import type { Cause, RolloutNow, Sending, StoryFacts } from "./story_facts.ts";

/** A run that was given up and told its end late has moved its execution by both, each to a state of its own. */
export function causeOf(run: RunBrief | undefined, { event, to }: Moment): Cause {
  const { pcId = null, outcome = null, outcomeReason = null, late = false } = run ?? {};
  const hadBegun = event !== "RUN_STARTED";
  const wasGivenUp = late && to === "expired";
  return {
    event: event === "" ? null : event,
    pcId,
    outcome: hadBegun ? wasGivenUp ? "expired" : outcome : null,
    reason: outcomeReason,
    isLate: hadBegun && late && !wasGivenUp,
  };
}

/** What of the story no count tells. */
export function surroundings(
  facts: ExecutionFacts,
  moment: Moment,
): Pick<
  StoryFacts,
  | "dispatchedBy"
  | "sending"
  | "rollout"
  | "deadlineAt"
  | "inFlight"
  | "missingFor"
  | "killedBy"
  | "at"
> {
  const { execution, rollout, inFlight, missingFor } = facts;
  const { at, isNow, counts } = moment;
  const told = Object.values(missingFor).reduce((sum, targets) => sum + targets, 0);
  const isKilled = execution.killedAt !== null && execution.killedAt <= at;
  return {
    dispatchedBy: execution.initiatedBy,
    sending: sendingAt(facts, moment),
    rollout: isNow && rollout !== undefined ? rolloutNow(rollout) : null,
    deadlineAt: isKilled || isNow ? execution.deadlineAt : deadlineBeforeKill(facts),
    inFlight: isNow ? inFlight : null,
    missingFor: told === counts.missingTargets ? missingFor : null,
    killedBy: isKilled ? execution.killedBy ?? "somebody" : null,
    at,
  };
}

/** With its dispatch nothing had left; after it, what has left now, but for waves: they tell when each did. */
function sendingAt({ departures, rollout }: ExecutionFacts, moment: Moment): Sending {
  const { waiting, sent, calledOff, wavesBeganAt } = departures;
  const { at, rev, isNow } = moment;
  const isDispatch = rev === 0 && !isNow;
  const began = wavesBeganAt.filter((beganAt) => beganAt !== null && (isNow || beganAt <= at));
  const isOver = rollout !== undefined && rollout.endedAt !== null && rollout.endedAt <= at;
  const out = isDispatch ? 0 : began.length;
  const waves = wavesBeganAt.length === 0 ? null : { all: wavesBeganAt.length, out, isOver };
  return isDispatch
    ? { waiting: waiting + sent + calledOff, sent: 0, calledOff: 0, waves }
    : { waiting, sent, calledOff, waves };
}

/** A kill makes the deadline an earlier one. */
function deadlineBeforeKill({ execution, departures: { lastSentAt } }: ExecutionFacts) {
  const { deadlineAt, killedAt, startBy, timeoutSecs } = execution;
  if (killedAt === null || lastSentAt === null) return deadlineAt;
  return executionDeadlineAt({ lastSentAt, deadlineAt: startBy, timeoutSecs: timeoutSecs ?? 0 });
}

function rolloutNow({ status, wave, dueAts, held, reason, soakUntil }: Rollout): RolloutNow {
  const dueAt = dueAts[wave] ?? 0;
  return { status, wave, waves: dueAts.length, held, reason, dueAt, soakUntil };
}
