/**
 * The invariant of execution-semantics.md §2 checked on the rows as they stand: counters equal rows, targets follow
 * from their runs and the deadline, the state is a function of the targets; and nothing waits longer than it may.
 *
 * 1. Everything about one execution is read in one statement, so what is committed meanwhile is no violation.
 * 2. Executions are checked some at a time, so that other readers get their turn in between.
 */
import type { Reader, Row } from "./client.ts";
import { RUN_DEADLINE } from "./overdue.ts";
import { numberOf, textOf, textOrNull } from "./rows.ts";

export interface InvariantCheck {
  readonly name: string;
  readonly ok: boolean;
  /** How many rows violate it. */
  readonly count: number;
  /** Which, some of them: exec_id, result_id, or the number of the row. */
  readonly examples: readonly string[];
}

export interface InvariantOptions {
  /** The backend's clock, ms since the epoch. */
  readonly now: number;
  /** How long after its deadline a run may still be in flight: a sweep and what it waits for, ms. */
  readonly runSlackMs?: number | undefined;
  /** How long a message may wait in the outbox once it is due, ms. */
  readonly outboxSlackMs?: number | undefined;
}

const DEFAULT_RUN_SLACK_MS = 300_000;
const DEFAULT_OUTBOX_SLACK_MS = 60_000;
const EXAMPLES = 10;
/** One statement reads at most so many executions, and stops before those whose targets would be more than this. */
const EXECUTIONS_AT_ONCE = 1_000;
const TARGETS_AT_ONCE = 20_000;

/** Runs all checks, each by name. */
export async function checkInvariants(
  reader: Reader,
  options: InvariantOptions,
): Promise<readonly InvariantCheck[]> {
  const { now, runSlackMs, outboxSlackMs } = options;
  return [
    ...await checkExecutions(reader),
    await checkRows(
      reader,
      "runs_end_by_their_deadline",
      RUNS_PAST_DEADLINE,
      now - (runSlackMs ?? DEFAULT_RUN_SLACK_MS),
    ),
    await checkRows(
      reader,
      "outbox_is_published",
      OUTBOX_OVERDUE,
      now - (outboxSlackMs ?? DEFAULT_OUTBOX_SLACK_MS),
    ),
    await checkRows(reader, "no_dead_letters", DEAD_LETTERS),
  ];
}

const RUNS_PAST_DEADLINE = `SELECT result_id AS id FROM execution_results
  WHERE outcome IS NULL AND ${RUN_DEADLINE} < ?`;
const OUTBOX_OVERDUE =
  `SELECT id FROM command_outbox WHERE state = 'waiting' AND not_before < ?1 AND created_at < ?1
    UNION ALL SELECT id FROM command_outbox WHERE state = 'refused'`;
const DEAD_LETTERS = "SELECT id FROM dead_letters";

/** A check that no row violates: `violators` selects those that do as `id`. */
async function checkRows(
  reader: Reader,
  name: string,
  violators: string,
  ...args: number[]
): Promise<InvariantCheck> {
  const [row] = await reader.query(`SELECT count(*) AS violators FROM (${violators})`, args);
  const count = row === undefined ? 0 : numberOf(row, "violators");
  const examples = count === 0 ? [] : await reader.query(`${violators} LIMIT ${EXAMPLES}`, args);
  return { name, ok: count === 0, count, examples: examples.map(({ id }) => String(id)) };
}

/** Column of `VIOLATIONS` → name of the check. */
const EXECUTION_CHECKS = {
  counters: "counters_equal_runs",
  target_counts: "target_counts_equal_targets",
  targets: "targets_follow_from_runs",
  status: "status_follows_from_targets",
} as const;

/** Runs of PCs outside the list count by outcome only; runs with a parent never (R9). */
const VIOLATIONS = `
WITH pcs AS MATERIALIZED (
  SELECT exec_id, pc_id, count(*) AS runs,
    count(*) FILTER (WHERE outcome = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE outcome = 'failed') AS failed,
    count(*) FILTER (WHERE outcome = 'skipped') AS skipped,
    count(*) FILTER (WHERE outcome = 'expired') AS expired
  FROM execution_results
  WHERE exec_id > ?1 AND exec_id <= ?2 AND parent_result_id IS NULL
  GROUP BY exec_id, pc_id
), counted AS (
  SELECT exec_id, count(*) AS pcs, sum(succeeded) AS succeeded, sum(failed) AS failed, sum(skipped) AS skipped,
    sum(expired) AS expired
  FROM pcs GROUP BY exec_id
), listed AS (
  SELECT t.exec_id, count(*) AS all_targets,
    count(*) FILTER (WHERE t.state = 'settled') AS settled,
    count(*) FILTER (WHERE t.state = 'expired') AS expired,
    count(*) FILTER (WHERE t.state = 'missing') AS missing,
    count(*) FILTER (WHERE NOT CASE
      WHEN p.succeeded + p.failed + p.skipped > 0 THEN t.state = 'settled'
      WHEN p.expired > 0 THEN t.state = 'expired'
      WHEN e.deadline_passed_at IS NULL THEN t.state = 'waiting'
        -- its wave did not come
        OR (t.state = 'missing' AND EXISTS (SELECT 1 FROM rollouts AS o WHERE o.exec_id = t.exec_id AND o.closed_at IS NOT NULL))
      WHEN p.runs IS NULL THEN t.state = 'missing'
      -- a start before the deadline keeps it waiting, a later one does not clear it
      ELSE t.state IN ('waiting', 'missing') END) AS wrong
  FROM execution_targets AS t JOIN executions AS e ON e.exec_id = t.exec_id
    LEFT JOIN pcs AS p ON p.exec_id = t.exec_id AND p.pc_id = t.pc_id
  WHERE t.exec_id > ?1 AND t.exec_id <= ?2
  GROUP BY t.exec_id
), checked AS (
  SELECT e.exec_id,
    (e.succeeded, e.failed, e.skipped, e.expired_runs) <> (coalesce(c.succeeded, 0), coalesce(c.failed, 0),
      coalesce(c.skipped, 0), coalesce(c.expired, 0)) AS counters,
    (e.settled_targets, e.expired_targets, e.missing_targets - e.unlisted_missing) <> (coalesce(l.settled, 0),
      coalesce(l.expired, 0), coalesce(l.missing, 0))
    OR CASE WHEN e.targets_listed THEN e.target_count <> coalesce(l.all_targets, 0) OR e.unlisted_missing <> 0
      WHEN e.deadline_passed_at IS NULL THEN e.unlisted_missing <> 0
      ELSE e.unlisted_missing <> max(0, e.target_count - coalesce(l.all_targets, 0)) END AS target_counts,
    coalesce(l.wrong, 0) > 0
    -- whose list is not known: each PC with a run is a target
    OR (NOT e.targets_listed AND coalesce(c.pcs, 0) <> coalesce(l.all_targets, 0)) AS targets,
    e.status <> CASE
      WHEN e.target_count > e.settled_targets + e.expired_targets + e.missing_targets
        THEN iif(c.exec_id IS NULL, 'pending', 'running')
      WHEN e.expired_targets + e.missing_targets = 0 THEN 'completed'
      ELSE 'expired' END AS status
  FROM executions AS e LEFT JOIN counted AS c ON c.exec_id = e.exec_id LEFT JOIN listed AS l ON l.exec_id = e.exec_id
  WHERE e.exec_id > ?1 AND e.exec_id <= ?2
)
SELECT * FROM checked WHERE counters OR target_counts OR targets OR status`;

async function checkExecutions(reader: Reader): Promise<InvariantCheck[]> {
  const found = new Map<string, { count: number; examples: string[] }>();
  for (const name of Object.values(EXECUTION_CHECKS)) found.set(name, { count: 0, examples: [] });
  let after = "";
  for (;;) {
    const upTo = await endOfStretch(reader, after);
    if (upTo === undefined) break;
    for (const row of await reader.query(VIOLATIONS, [after, upTo])) note(found, row);
    after = upTo;
  }
  return [...found].map(([name, { count, examples }]) => ({
    name,
    ok: count === 0,
    count,
    examples,
  }));
}

/** The last exec_id of the next stretch; undefined at the end. */
async function endOfStretch(reader: Reader, after: string): Promise<string | undefined> {
  const [row] = await reader.query(
    `SELECT max(exec_id) AS up_to FROM (
      SELECT exec_id, sum(target_count) OVER (ORDER BY exec_id) - target_count AS targets_before FROM (
        SELECT exec_id, target_count FROM executions WHERE exec_id > ? ORDER BY exec_id LIMIT ${EXECUTIONS_AT_ONCE}
      )) WHERE targets_before < ${TARGETS_AT_ONCE}`,
    [after],
  );
  return (row === undefined ? null : textOrNull(row, "up_to")) ?? undefined;
}

function note(found: Map<string, { count: number; examples: string[] }>, row: Row): void {
  for (const [column, name] of Object.entries(EXECUTION_CHECKS)) {
    const check = found.get(name);
    if (check === undefined || numberOf(row, column) === 0) continue;
    check.count += 1;
    if (check.examples.length < EXAMPLES) check.examples.push(textOf(row, "exec_id"));
  }
}
