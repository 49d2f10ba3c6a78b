/** The messages of one run between those who took part in it, from rows and from what the streams still hold. */
import type { SequenceAnswer } from "../../wire/http_inspector.ts";
import { formatInstant } from "../../wire/time.ts";
import { endSteps, GIVEN_UP } from "./sequence_end.ts";
import {
  at,
  type CausedTransition,
  type Command,
  type DispatchFacts,
  hasBegun,
  movedBy,
  PENDING,
  readWith,
  type RunFacts,
  type SequenceFacts,
  type Step,
  step,
  storedIn,
  UNRECORDED,
} from "./sequence_facts.ts";
import type { Stored } from "./stored_messages.ts";

/** After so long a run is given up whose timeout nobody knows, milliseconds (execution-semantics.md §4). */
const DAY_MS = 86_400_000;

/** Tells the story of one run as a sequence of messages. */
export function sequenceOf(facts: SequenceFacts): SequenceAnswer {
  const { run, dispatch } = facts;
  const told = stepsOf(facts);
  const counts = dispatch !== null && run.parentResultId === null;
  const steps = counts ? [...told] : told.flatMap(uncounted);
  const takePart = new Set(steps.flatMap(({ from, to }) => [from, to]));
  return {
    result_id: run.resultId,
    request_id: run.requestId,
    exec_id: run.execId,
    pc_id: run.pcId,
    in_flight: run.outcome === null,
    parties: partiesOf(facts).filter(({ id }) => takePart.has(id)),
    steps,
    deadlines: deadlinesOf(run),
  };
}

function partiesOf({ run, dispatch }: SequenceFacts): SequenceAnswer["parties"] {
  return [
    { id: "caller", title: dispatch?.initiatedBy ?? "somebody" },
    { id: "dispatcher", title: "dispatcher" },
    { id: "broker", title: "broker" },
    { id: "agent", title: `agent ${run.pcId}` },
    { id: "projector", title: run.outcome === "expired" ? "projector, reaper" : "projector" },
    { id: "execution", title: "execution" },
  ];
}

function stepsOf({ run, dispatch, caused, stored }: SequenceFacts): readonly Step[] {
  const starts = startSteps(run, caused, stored.started);
  const kills = killSteps(run, dispatch);
  // A PC that was away then begins after it.
  const isKilledFirst = (dispatch?.killedAt ?? Infinity) < run.startedAt;
  return [
    ...(dispatch === null ? [] : dispatchSteps(dispatch, stored.command)),
    ...(isKilledFirst ? [...kills, ...starts] : [...starts, ...kills]),
    ...endSteps(run, caused, stored.result),
  ];
}

/** A part of another run, or one of no execution that is known: it is kept, and no execution hears of it. */
function uncounted(step: Step): readonly Step[] {
  if (step.from === "broker" && step.to === "projector") {
    return [{ ...step, detail: "read and kept; it counts for no execution" }];
  }
  if (step.from !== "projector" || step.to !== "execution") return [step];
  return step.detail.startsWith(GIVEN_UP)
    ? [{ ...step, to: "projector", label: "gives it up" }]
    : [];
}

function deadlinesOf({ outcome, expiresAt, recordedAt }: RunFacts): SequenceAnswer["deadlines"] {
  if (outcome !== null) return [];
  const words = "The run is given up then, unless its result is read before.";
  return [{ at: formatInstant(expiresAt ?? recordedAt + DAY_MS), words }];
}

function dispatchSteps(
  { initiatedAt, job, command, retryOf }: DispatchFacts,
  stored: Stored | null,
): readonly Step[] {
  return [
    step(
      "caller",
      "dispatcher",
      "dispatch",
      retryOf === null ? job : `${job}, again for the rest of another execution`,
      at(initiatedAt, "backend"),
    ),
    step(
      "dispatcher",
      "execution",
      "created",
      `pending, in one transaction with its ${command?.wave == null ? "command" : "waves"}`,
      at(initiatedAt, "backend"),
    ),
    ...(command === null ? [] : [
      step(
        "dispatcher",
        "broker",
        "command",
        leavingOf(command),
        command.sentAt === null ? PENDING : at(stored?.at ?? command.sentAt, "broker"),
      ),
    ]),
    step("broker", "agent", "command", "delivered", UNRECORDED),
  ];
}

/** Under which subject it left, or what became of it instead. */
function leavingOf({ subject, state, sentAt, streamSequence, wave }: Command): string {
  const what = wave === null ? subject : `${subject}, with wave ${wave + 1}`;
  if (sentAt === null) return `${what}, ${state}`;
  return streamSequence === null ? what : `${what}, message ${streamSequence} of EXEC`;
}

function startSteps(
  run: RunFacts,
  caused: readonly CausedTransition[],
  stored: Stored | null,
): readonly Step[] {
  if (!hasBegun(run)) return [];
  const starts = step(
    "agent",
    "agent",
    "starts the script",
    "written down first, then spawned",
    at(run.startedAt, "agent"),
  );
  if (!run.startKnown) return [starts];
  const began = caused.find(({ event }) => event === "RUN_STARTED");
  const commit = began === undefined ? UNRECORDED : at(began.at, "backend");
  return [
    starts,
    step(
      "agent",
      "broker",
      "started event",
      storedIn("EVENTS", stored),
      at(stored?.at ?? run.recordedAt, "broker"),
    ),
    step("broker", "projector", "started event", readWith(commit), commit),
    step(
      "projector",
      "execution",
      "RUN_STARTED",
      began === undefined ? "noted; the execution stayed where it was" : movedBy(began),
      commit,
    ),
  ];
}

/** The whole execution was killed while the run was on. */
function killSteps(run: RunFacts, dispatch: DispatchFacts | null): readonly Step[] {
  const { killedAt = null, killedBy = null } = dispatch ?? {};
  if (killedAt === null || (run.finishedAt !== null && run.finishedAt < killedAt)) return [];
  const who = `by ${killedBy ?? "somebody"}, of the whole execution`;
  return [step("dispatcher", "agent", "kill", who, at(killedAt, "backend"))];
}
