/** The messages of one run between those who took part in it, from what was recorded. */
import type { SequenceAnswer } from "../../wire/http_inspector.ts";
import { formatInstant } from "../../wire/time.ts";

/** What the rows say of one run. Instants in ms since the epoch. */
export interface RunFacts {
  readonly resultId: string;
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

/** Tells the story of one run as a sequence of messages. */
export function sequenceOf(
  run: RunFacts,
  dispatch: DispatchFacts | null,
  caused: readonly CausedTransition[],
): SequenceAnswer {
  return {
    result_id: run.resultId,
    exec_id: run.execId,
    pc_id: run.pcId,
    parties: [
      { id: "caller", title: dispatch?.initiatedBy ?? "somebody" },
      { id: "dispatcher", title: "dispatcher" },
      { id: "broker", title: "broker" },
      { id: "agent", title: `agent ${run.pcId}` },
      { id: "projector", title: run.outcome === "expired" ? "projector, reaper" : "projector" },
      { id: "execution", title: "execution" },
    ],
    steps: [
      ...(dispatch === null ? [] : dispatchSteps(dispatch)),
      ...startSteps(run, caused),
      ...endSteps(run, caused),
    ],
  };
}

function dispatchSteps({ initiatedAt, job, command }: DispatchFacts): readonly Step[] {
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
        command.sentAt === null ? PENDING : at(command.sentAt, "broker"),
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

function startSteps(run: RunFacts, caused: readonly CausedTransition[]): readonly Step[] {
  if (!run.startKnown) return [];
  const began = caused.find(({ event }) => event === "RUN_STARTED");
  return [
    step(
      "agent",
      "agent",
      "starts the script",
      "written down first, then spawned",
      at(run.startedAt, "agent"),
    ),
    step("agent", "broker", "started event", "stored in EVENTS", at(run.recordedAt, "broker")),
    step("broker", "projector", "started event", "read", UNRECORDED),
    step(
      "projector",
      "execution",
      "RUN_STARTED",
      began === undefined ? "the run is noted; others had begun before" : movedBy(began),
      began === undefined ? UNRECORDED : at(began.at, "backend"),
    ),
  ];
}

function endSteps(run: RunFacts, caused: readonly CausedTransition[]): readonly Step[] {
  const settled = caused.filter(({ event }) => event !== "RUN_STARTED");
  if (run.outcome === null) {
    return [
      step("agent", "broker", "result", "not there yet", PENDING),
      step("projector", "execution", "RUN_SETTLED", "not there yet", PENDING),
    ];
  }
  if (run.outcome === "expired") return givenUp(run, settled);
  const [first, last] = [settled[0], settled.at(-1)];
  const before = run.late
    ? [
      step(
        "projector",
        "execution",
        "RUN_SETTLED",
        given(first),
        first === undefined || first === last ? UNRECORDED : at(first.at, "backend"),
      ),
    ]
    : [];
  return [
    ...before,
    step(
      "agent",
      "agent",
      "script ends",
      endOf(run),
      run.finishedAt === null ? UNRECORDED : at(run.finishedAt, "agent"),
    ),
    step(
      "agent",
      "broker",
      "result",
      "stored in RESULTS",
      run.startKnown ? UNRECORDED : at(run.recordedAt, "broker"),
    ),
    step("broker", "projector", "result", "read", UNRECORDED),
    step(
      "projector",
      "execution",
      last?.event ?? "RUN_SETTLED",
      last === undefined ? "counted; the execution stayed where it was" : movedBy(last),
      last === undefined ? UNRECORDED : at(last.at, "backend"),
    ),
  ];
}

function given(first: CausedTransition | undefined): string {
  return first === undefined
    ? "given up by the reaper"
    : `given up by the reaper: ${movedBy(first)}`;
}

function givenUp(run: RunFacts, settled: readonly CausedTransition[]): readonly Step[] {
  const [moved] = settled;
  return [
    step("agent", "broker", "result", "none by its deadline", PENDING),
    step(
      "projector",
      "execution",
      "RUN_SETTLED",
      moved === undefined ? "given up by the reaper" : `given up by the reaper: ${movedBy(moved)}`,
      run.finishedAt === null ? UNRECORDED : at(run.finishedAt, "backend"),
    ),
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
