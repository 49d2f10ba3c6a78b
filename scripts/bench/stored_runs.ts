/** Fills a database with settled runs and their output, as years of projecting would have left them. */
import type { Database } from "../../db/client.ts";

/** Over so long the runs are spread, up to now: less than they are kept. */
const SPREAD_MS = 60 * 86_400_000;
const RUNS_PER_EXECUTION = 1_000;
/** Rows of one transaction. */
const AT_ONCE = 50_000;

const WORDS =
  `disk full error ok backup service started stopped user login failed network timeout package
  installed version kernel memory cpu free used mount volume snapshot policy agent update warning system process
  thread restart queue printer driver certificate expired renewed domain joined sync complete partial retry
  scheduled task registry key value cache cleared session opened closed port listening firewall rule applied`
    .split(/\s+/);

/** Bytes of the text that outputs are cut out of. */
const CORPUS_BYTES = 200_000;
const OUTPUT_BYTES = 340;

/**
 * Runs of about 400 bytes of output each; the last one is the newest. Every one ends in `finished as run <n>`, one of a
 * thousand holds `needle-of-a-thousand`, and the oldest begins with `the very first output`.
 */
export async function storeRuns(db: Database, runs: number): Promise<void> {
  const corpus = corpusOf(CORPUS_BYTES);
  const newest = Date.now();
  const step = SPREAD_MS / runs;
  await db.write((tx) => tx.batch([executions(Math.ceil(runs / RUNS_PER_EXECUTION), newest)]));
  for (let from = 0; from < runs; from += AT_ONCE) {
    const count = Math.min(AT_ONCE, runs - from);
    await db.write((tx) =>
      tx.batch([
        {
          sql:
            `INSERT INTO execution_results (result_id, exec_id, request_id, pc_id, job_id, version,
              outcome, exit_code, finished_at, started_at, recorded_at, stdout_bytes, stdout_preview)
            WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1 + ?2 - 1)
            SELECT printf('%08x-%07d', random() & 0xffffffff, i), printf('exec-%06d', i / ${RUNS_PER_EXECUTION}),
              'request', printf('pc-%05d', i % 10000), 'bench', '1', 'succeeded', 0, at, at, at, 400,
              CAST(printf('run %d', i) AS BLOB)
            FROM (SELECT i, CAST(?3 - (?4 - i) * ?5 AS INTEGER) AS at FROM n)`,
          args: [from, count, newest, runs, step],
        },
        {
          sql: `INSERT INTO run_outputs (result_id, stdout)
            SELECT result_id, CAST(iif(n = 0, 'the very first output ', '')
              || substr(?1, 1 + abs(random()) % ${CORPUS_BYTES - OUTPUT_BYTES}, ${OUTPUT_BYTES})
              || iif(n % 1000 = 0, ' needle-of-a-thousand', '') || ' finished as run ' || n AS BLOB)
            FROM (SELECT result_id, CAST(substr(result_id, 10) AS INTEGER) AS n FROM execution_results
              WHERE rowid > ?2 AND rowid <= ?2 + ?3)`,
          args: [corpus, from, count],
        },
      ])
    );
  }
}

function executions(count: number, initiatedAt: number) {
  return {
    sql: `INSERT INTO executions (exec_id, request_id, job_id, version, initiated_by, initiated_at,
        targets_listed, target_count, status, settled_targets, succeeded)
      WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
      SELECT printf('exec-%06d', i), 'request', 'bench', '1', 'bench', ?, 0, ${RUNS_PER_EXECUTION},
        'completed', ${RUNS_PER_EXECUTION}, ${RUNS_PER_EXECUTION} FROM n`,
    args: [count, initiatedAt],
  };
}

/** Words and numbers in an order without a pattern, always the same. */
function corpusOf(bytes: number): string {
  const parts: string[] = [];
  let length = 0;
  let state = 1;
  while (length < bytes) {
    state = (state * 48_271) % 2_147_483_647;
    const part = state % 4 === 0 ? `${state % 100_000} ` : `${WORDS[state % WORDS.length]} `;
    parts.push(part);
    length += part.length;
  }
  return parts.join("").slice(0, bytes);
}
