/** Events as they really come, for machines whose guards look into them: each with the case that it stands for. */
import type { AnyEventObject } from "xstate";
import type {
  Context as CommandContext,
  Event as CommandEvent,
} from "../../machines/agent_command.ts";
import {
  type ExecutionContext,
  type ExecutionEvent,
  type TargetMove,
  waitingTargets,
} from "../../machines/execution.ts";
import type { Context as EntryContext, Event as EntryEvent } from "../../machines/outbox_entry.ts";
import type { ReaperEvent } from "../../machines/reaper.ts";
import type { SupervisedContext, SupervisedEvent } from "../../machines/supervisor.ts";
import type { Outcome } from "../../machines/run.ts";

/** An event, and in plain words when it comes. */
export interface Example<Event extends AnyEventObject = AnyEventObject> {
  readonly when: string;
  readonly event: Event;
}

/** @param now ms since the epoch; undefined = not known */
type Examples = (
  context: Readonly<Record<string, unknown>>,
  now: number | undefined,
) => readonly Example[];

/** Of machines whose guards need them; all others are told by their definition alone. */
const EXAMPLES: Readonly<Record<string, Examples>> = {
  execution: (context) => ofExecution(context as unknown as ExecutionContext),
  agent_command: (context) => ofCommand(context as unknown as CommandContext),
  supervisor: (context, now) => ofSupervisor(context as unknown as SupervisedContext, now),
  outbox_entry: (context) => ofEntry(context as unknown as EntryContext),
  reaper: () => OF_REAPER,
};

/** The events that a machine with this context may be sent, as examples; none = there are none for it. */
export function examplesFor(
  machine: string,
  context: Readonly<Record<string, unknown>>,
  now?: number,
): readonly Example[] {
  return EXAMPLES[machine]?.(context, now) ?? [];
}

function ofExecution(context: ExecutionContext): readonly Example<ExecutionEvent>[] {
  const waiting = waitingTargets(context);
  return [
    { when: "a PC begins to run it", event: { type: "RUN_STARTED", resultId: "" } },
    ...waitingExamples(waiting),
    ...lateExamples(context),
    { when: "a PC that has answered runs it once more", event: settled("succeeded", null, null) },
    ...deadlineExamples(context, waiting),
  ];
}

function waitingExamples(waiting: number): readonly Example<ExecutionEvent>[] {
  if (waiting === 0) return [];
  const move = (to: TargetMove["to"]): TargetMove => ({ from: "waiting", to });
  const who = waiting === 1 ? "the last PC that is waited for" : "a PC that is waited for";
  const runs = { succeeded: waiting - 1, failed: 0, skipped: 0, expiredRuns: 0 };
  return [
    { when: `${who} ends`, event: settled("succeeded", null, move("settled")) },
    {
      when: `the reaper gives up the run of ${who}`,
      event: settled("expired", null, move("expired")),
    },
    ...(waiting < 3 ? [] : [{
      when: "several PCs end at once, and none of them is the last",
      event: {
        type: "RUNS_SETTLED",
        runs,
        targets: { settled: waiting - 1, expired: 0, missing: 0 },
      } as const,
    }]),
  ];
}

function lateExamples(
  { expired, missing, expiredRuns }: ExecutionContext,
): readonly Example<ExecutionEvent>[] {
  return [
    ...(expired === 0 || expiredRuns === 0 ? [] : [{
      when: expired === 1 && missing === 0
        ? "the result of the one run that was given up comes late"
        : "the result of a run that was given up comes late",
      event: settled("succeeded", "expired", { from: "expired", to: "settled" }),
    }]),
    ...(missing === 0 ? [] : [{
      when: missing === 1 && expired === 0
        ? "the one PC that was missing ends after all"
        : "a PC that was missing ends after all",
      event: settled("succeeded", null, { from: "missing", to: "settled" }),
    }]),
  ];
}

function deadlineExamples(
  { deadlinePassed }: ExecutionContext,
  waiting: number,
): readonly Example<ExecutionEvent>[] {
  if (deadlinePassed) return [];
  const passed = (missing: number) => ({ type: "DEADLINE_PASSED", missing }) as const;
  if (waiting === 0) return [{ when: "its deadline passes", event: passed(0) }];
  return [
    {
      when: "the waves of all who are waited for are called off",
      event: { type: "TARGETS_DROPPED", missing: waiting },
    },
    { when: "its deadline passes, and nobody who is waited for has begun", event: passed(waiting) },
    { when: "its deadline passes, and all who are waited for have begun", event: passed(0) },
  ];
}

function settled(
  outcome: Outcome,
  previous: Outcome | null,
  target: TargetMove | null,
): ExecutionEvent {
  return { type: "RUN_SETTLED", resultId: "", outcome, previous, target };
}

function ofCommand({ attempt, retriesMax }: CommandContext): readonly Example<CommandEvent>[] {
  const more = attempt <= retriesMax ? "with an attempt left" : "with no attempt left";
  return [
    {
      when: "the script ends with exit 0",
      event: { type: "ENDED", ending: { kind: "exited", exitCode: 0 } },
    },
    {
      when: `the script ends with exit 1, ${more}`,
      event: { type: "ENDED", ending: { kind: "exited", exitCode: 1 } },
    },
    { when: "a slot is free at once", event: { type: "SLOT_GRANTED", waited: false } },
    { when: "a slot becomes free after a wait", event: { type: "SLOT_GRANTED", waited: true } },
    { when: "nothing stands in its way", event: { type: "GATES_OPEN" } },
    { when: "it is written down that it starts", event: { type: "START_RECORDED" } },
    { when: "it is written down as admitted", event: { type: "ADMITTED" } },
  ];
}

function ofSupervisor(
  { failuresAt, withinMs, atMost }: SupervisedContext,
  now: number | undefined,
): readonly Example<SupervisedEvent>[] {
  const at = now ?? failuresAt.at(-1) ?? 0;
  // Those of long ago do not count any more.
  const recent = failuresAt.filter((each) => at - each < withinMs).length;
  return [{
    when: recent >= atMost ? "it fails once more, too often" : "it fails",
    event: { type: "FAILED", at, random: 0.5, reason: "" },
  }];
}

function ofEntry(_context: EntryContext): readonly Example<EntryEvent>[] {
  return [{ when: "the broker refuses this message", event: { type: "REJECTED", at: 0, why: "" } }];
}

const OF_REAPER: readonly Example<ReaperEvent>[] = [
  {
    when: "a full chunk was given up, so there may be more",
    event: { type: "CHUNK_REAPED", rows: 1, full: true },
  },
  { when: "the last chunk was given up", event: { type: "CHUNK_REAPED", rows: 0, full: false } },
];
