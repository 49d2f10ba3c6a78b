/** The messages of one run between those who took part in it, from rows and from what the streams still hold. */
import type { SequenceAnswer } from "../../wire/http_inspector.ts";
import { formatInstant } from "../../wire/time.ts";
import type { Stored, StoredMessages } from "./stored_messages.ts";

/** What the rows say of one run. Instants in ms since the epoch. */
export interface RunFacts {
  readonly resultId: string;
  readonly requestId: string;
  readonly execId: string | null;
  readonly pcId: string;
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
  } | null;
}

/** A change of the execution that this run caused. */
export interface CausedTransition {
  readonly at: number;
  readonly from: string | null;
  readonly to: string;
  readonly event: string;
}

type Command = NonNullable<DispatchFacts["command"]>;
type Step = SequenceAnswer["steps"][number];
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

/** Tells the story of one run as a sequence of messages. */
export function sequenceOf(facts: SequenceFacts): SequenceAnswer {
  const { run, dispatch, caused, stored } = facts;
  const starts = startSteps(run, caused, stored.started);
  const kills = killSteps(run, dispatch);
  // A PC that was away then begins after it.
  const isKilledFirst = (dispatch?.killedAt ?? Infinity) < run.startedAt;
  return {
    result_id: run.resultId,
    request_id: run.requestId,
    exec_id: run.execId,
    pc_id: run.pcId,
    in_flight: run.outcome === null,
    parties: [
      { id: "caller", title: dispatch?.initiatedBy ?? "somebody" },
      { id: "dispatcher", title: "dispatcher" },
      { id: "broker", title: "broker" },
      { id: "agent", title: `agent ${run.pcId}` },
      { id: "projector", title: run.outcome === "expired" ? "projector, reaper" : "projector" },
      { id: "execution", title: "execution" },
    ],
    steps: [
      ...(dispatch === null ? [] : dispatchSteps(dispatch, stored.command)),
      ...(isKilledFirst ? [...kills, ...starts] : [...starts, ...kills]),
      ...endSteps(run, caused, stored.result),
    ],
  };
}

function dispatchSteps(
  { initiatedAt, job, command }: DispatchFacts,
  stored: Stored | null,
): readonly Step[] {
  return [
    step("caller", "dispatcher", "dispatch", job, at(initiatedAt, "backend")),
    step(
      "dispatcher",
      "execution",
      "created",
      "pending, in one transaction with its command",
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
function leavingOf({ subject, state, sentAt, streamSequence }: Command): string {
  if (sentAt === null) return `${subject}, ${state}`;
  return streamSequence === null ? subject : `${subject}, message ${streamSequence} of EXEC`;
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
      began === undefined ? "the run is noted; others had begun before" : movedBy(began),
      commit,
    ),
  ];
}

/** A message is committed with the move that it caused; of one that moved nothing only the order is known. */
function readWith({ at: committedAt }: When): string {
  return committedAt === null ? "read" : "read, and committed in one transaction with what follows";
}

function storedIn(stream: string, stored: Stored | null): string {
  return stored === null
    ? `stored in ${stream}`
    : `stored in ${stream}, message ${stored.sequence}`;
}

/** The whole execution was killed while the run was on. */
function killSteps(run: RunFacts, dispatch: DispatchFacts | null): readonly Step[] {
  const { killedAt = null, killedBy = null } = dispatch ?? {};
  if (killedAt === null || (run.finishedAt !== null && run.finishedAt < killedAt)) return [];
  const who = `by ${killedBy ?? "somebody"}, of the whole execution`;
  return [step("dispatcher", "agent", "kill", who, at(killedAt, "backend"))];
}

function endSteps(
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

/** Where no started event was read, the result tells when it began; one that never did began and ended at once. */
function hasBegun({ startKnown, startedAt, finishedAt }: RunFacts): boolean {
  return startKnown || startedAt !== finishedAt;
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
  return moved === undefined
    ? "given up by the reaper"
    : `given up by the reaper: ${movedBy(moved)}`;
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

function movedBy({ from, to }: CausedTransition): string {
  return from === null ? to : `${from} → ${to}`;
}

type When = Pick<Step, "at" | "clock" | "happened">;

const UNRECORDED: When = { at: null, clock: "none", happened: true };
const PENDING: When = { at: null, clock: "none", happened: false };

function at(instant: number, clock: Clock): When {
  return { at: formatInstant(instant), clock, happened: true };
}

function step(from: string, to: string, label: string, detail: string, when: When): Step {
  return { from, to, label, detail, ...when };
}
