/** How a run came to its end, step by step: by its result, by being given up, or by one after the other. */
import {
  at,
  type CausedTransition,
  hasBegun,
  movedBy,
  PENDING,
  readWith,
  type RunFacts,
  type Step,
  step,
  storedIn,
  UNRECORDED,
  type When,
} from "./sequence_facts.ts";
import type { Stored } from "./stored_messages.ts";

/** What a step says of a run that the reaper has ended. */
export const GIVEN_UP = "given up by the reaper";

/** What has come of a run, and what has not yet. */
export function endSteps(
  run: RunFacts,
  caused: readonly CausedTransition[],
  stored: Stored | null,
): readonly Step[] {
  const settled = caused.filter(({ event }) => event !== "RUN_STARTED");
  if (run.outcome === null) {
    return [
      step("agent", "broker", "result", "not there yet", PENDING),
      step("projector", "execution", "RUN_SETTLED", "not there yet", PENDING),
    ];
  }
  if (run.outcome === "expired") return givenUp(run, settled.at(-1));
  if (!run.late) return [endStep(run), ...resultSteps(run, settled.at(-1), stored)];
  // Giving it up can only have made its execution expired, and its truth can only have mended that.
  const lost = settled.find(({ to }) => to === "expired");
  const mended = settled.findLast(({ to }) => to !== "expired");
  const ends = [lostStep(lost), endStep(run)];
  const hadEnded = lost !== undefined && run.finishedAt !== null && run.finishedAt < lost.at;
  return [...(hadEnded ? ends.toReversed() : ends), ...resultSteps(run, mended, stored)];
}

/** The result, from the agent to what it did to the execution. */
function resultSteps(
  run: RunFacts,
  moved: CausedTransition | undefined,
  stored: Stored | null,
): readonly Step[] {
  const commit = moved === undefined ? UNRECORDED : at(moved.at, "backend");
  return [
    step("agent", "broker", "result", storedIn("RESULTS", stored), resultStoredAt(run, stored)),
    step("broker", "projector", "result", readWith(commit), commit),
    step(
      "projector",
      "execution",
      moved?.event ?? "RUN_SETTLED",
      moved === undefined ? "counted; the execution stayed where it was" : movedBy(moved),
      commit,
    ),
  ];
}

function endStep(run: RunFacts): Step {
  const when = run.finishedAt === null ? UNRECORDED : at(run.finishedAt, "agent");
  const label = hasBegun(run) ? "script ends" : "does not start it";
  return step("agent", "agent", label, endOf(run), when);
}

/** A late truth has replaced when it was given up: only a move of the execution still tells. */
function lostStep(lost: CausedTransition | undefined): Step {
  const when = lost === undefined ? UNRECORDED : at(lost.at, "backend");
  return step("projector", "execution", "RUN_SETTLED", given(lost), when);
}

/** The row keeps the time of the run's first message: that is the result where no started event was read. */
function resultStoredAt(run: RunFacts, stored: Stored | null): When {
  if (stored !== null) return at(stored.at, "broker");
  return run.startKnown ? UNRECORDED : at(run.recordedAt, "broker");
}

function given(moved: CausedTransition | undefined): string {
  return moved === undefined ? GIVEN_UP : `${GIVEN_UP}: ${movedBy(moved)}`;
}

function givenUp(run: RunFacts, moved: CausedTransition | undefined): readonly Step[] {
  const when = run.finishedAt === null ? UNRECORDED : at(run.finishedAt, "backend");
  return [
    step("agent", "broker", "result", "none by its deadline", PENDING),
    step("projector", "execution", "RUN_SETTLED", given(moved), when),
  ];
}

function endOf({ outcome, exitCode, outcomeReason }: RunFacts): string {
  const reason = outcomeReason === null ? "" : `, ${outcomeReason.replaceAll("_", " ")}`;
  return `${outcome ?? ""}, exit ${exitCode ?? "unknown"}${reason}`;
}
