/** An execution, live or long ended, moment by moment: from its row and its recorded transitions. */
import type { Execution } from "../../db/executions.ts";
import type { ExecutionContext } from "../../machines/execution.ts";
import { AD_HOC_JOB_ID } from "../../wire/command.ts";
import type { ExecutionStory, MomentAnswer } from "../../wire/http_inspector.ts";
import { formatInstant, formatInstantOrNull } from "../../wire/time.ts";
import type { Chart } from "./chart.ts";
import type { CharteredMachine } from "./charts.ts";
import type { ExecutionFacts, Moment } from "./execution_facts.ts";
import { causeOf, surroundings } from "./moment_facts.ts";
import { optionsOf } from "./options.ts";
import { storyOf } from "./story.ts";

/** More moments than this are not told: one that flaps between completed and expired could have any number. */
export const MAX_MOMENTS = 200;

/** Tells every moment of an execution. */
export function executionStory(machine: CharteredMachine, facts: ExecutionFacts): ExecutionStory {
  const { execution, transitions } = facts;
  const told = transitions.slice(-MAX_MOMENTS);
  const tell = (moment: Moment) => momentAnswer(machine, facts, moment);
  return {
    exec_id: execution.execId,
    title: titleOf(execution),
    retry_of: execution.retryOf,
    target_count: execution.targetCount,
    status: execution.status,
    ended: execution.endedAt !== null,
    deadline_at: formatInstantOrNull(execution.deadlineAt),
    moments: told.map((transition) => tell({ ...transition, counts: transition, isNow: false })),
    complete: told.length === transitions.length,
    now: executionNow(machine, facts),
  };
}

/** How an execution is at the moment; of its transitions the last one is needed. */
export function executionNow(machine: CharteredMachine, facts: ExecutionFacts): MomentAnswer {
  const { execution, transitions, now } = facts;
  const last = transitions.at(-1);
  return momentAnswer(machine, facts, {
    at: now,
    from: last?.from ?? null,
    to: execution.status,
    event: last?.event ?? "",
    resultId: last?.resultId ?? null,
    rev: execution.rev,
    counts: execution,
    isNow: true,
  });
}

/** What a person calls it. */
export function titleOf({ jobId, version }: Pick<Execution, "jobId" | "version">): string {
  if (jobId === null || jobId === AD_HOC_JOB_ID) return "ad-hoc script";
  return version === null ? jobId : `${jobId} ${version}`;
}

function momentAnswer(
  { listed, chart }: CharteredMachine,
  facts: ExecutionFacts,
  moment: Moment,
): MomentAnswer {
  const { at, from, to, event, resultId, counts } = moment;
  const run = facts.runs.find((one) => one.resultId === resultId);
  const isKnown = chart.states.some(({ id }) => id === to);
  const context = contextOf(facts.execution, moment);
  const cause = causeOf(run, moment);
  return {
    at: formatInstant(at),
    from,
    to,
    event,
    transition: arrowOf(chart, moment),
    result_id: resultId,
    pc_id: cause.pcId,
    outcome: cause.outcome,
    counters: countersOf(facts.execution, counts),
    states: [to],
    // A state of a newer version has none that are known.
    options: isKnown ? [...optionsOf(listed, chart, { value: to, context: { ...context } })] : [],
    story: storyOf({ ...context, status: to, cause, ...surroundings(facts, moment) }),
  };
}

function arrowOf(chart: Chart, { event, from, to }: Moment): string | null {
  const arrow = chart.transitions.find((one) =>
    one.event === event && one.from === from && one.to === to
  );
  return arrow?.id ?? null;
}

function contextOf(execution: Execution, { at, rev, counts }: Moment): ExecutionContext {
  const { deadlinePassedAt } = execution;
  return {
    execId: execution.execId,
    targetCount: execution.targetCount,
    rev,
    deadlinePassed: deadlinePassedAt !== null && deadlinePassedAt <= at,
    settled: counts.settledTargets,
    expired: counts.expiredTargets,
    missing: counts.missingTargets,
    succeeded: counts.succeeded,
    failed: counts.failed,
    skipped: counts.skipped,
    expiredRuns: counts.expiredRuns,
  };
}

function countersOf({ targetCount }: Execution, counts: Moment["counts"]): Record<string, number> {
  const { settledTargets, expiredTargets, missingTargets } = counts;
  return {
    waiting: Math.max(0, targetCount - settledTargets - expiredTargets - missingTargets),
    settled: settledTargets,
    expired: expiredTargets,
    missing: missingTargets,
    succeeded: counts.succeeded,
    failed: counts.failed,
    skipped: counts.skipped,
    expired_runs: counts.expiredRuns,
  };
}
