/**
 * Makes the inventory behind the projection: looks at settled runs of jobs with an `inventory:` hint, once committed,
 * and keeps what they tell of their PCs.
 *
 * 1. What is kept follows from the committed runs alone: a rebuild, a redelivery or a late truth ends in the same facts.
 * 2. Whatever a run printed, it costs a note at most; results never wait for it.
 * 3. Only the holder of the writer lease does; each batch asserts its term.
 */
import { setImmediate as breathe } from "node:timers/promises";
import type { Database } from "../db/client.ts";
import { dropNotes, type FactRow, keepFacts, keepNotes, type NoteRow } from "../db/inventory.ts";
import {
  deleteDue,
  type Due,
  type DueRun,
  insertDue,
  markCaughtUp,
  readDue,
  readJobsBehind,
  readStdouts,
  type ScanPlace,
  scanRuns,
} from "../db/inventory_due.ts";
import { changeSpans, readNeighbours } from "../db/inventory_history.ts";
import { type StoredText, textOfStored } from "../db/outputs.ts";
import { messageOf } from "../wire/fault.ts";
import { MAX_FACTS_BYTES, readFacts } from "../wire/inventory_facts.ts";
import { defineActor } from "./backend.ts";
import { foldIn } from "./inventory_history.ts";
import { assertHeld, inEachTenure, type Tenure } from "./writer_lease.ts";
import { pause } from "./system/clock.ts";

/** Runs of one batch: others who write wait for one, some 10 ms. And how much of their output is in memory at a time. */
const RUNS_AT_ONCE = 100;
const BYTES_AT_ONCE = 4_194_304;
/** Output after which the event loop gets its turn, bytes. */
const BREATH_BYTES = 65_536;
/** Rows that one slice of a search for earlier runs looks at. */
const SLICE = 5_000;
/** Another backend's rows, and jobs that are new, are noticed at the latest after this long, ms. */
const LOOK_AGAIN_MS = 1_000;
const RETRY_MS = 5_000;

export const inventoryProjector = defineActor({
  name: "inventory_projector",
  permissions: { db: "write", inventory: true, lease: true, announce: true, health: true },
  handles: "runs",
  run: async ({ db, inventory, lease, announce, health, log, signal, ready, handled }) => {
    ready();
    await inEachTenure(lease, signal, async (tenure, held) => {
      const search = new EarlierRuns(db, tenure);
      while (!held.aborted) {
        try {
          const { runs: looked, jobIds } = await lookAtDue(db, tenure);
          for (const job_id of jobIds) announce({ type: "inventory", job_id });
          const searched = await search.next();
          handled(looked);
          health(null);
          if (looked === 0 && !searched) await inventory.changed(held, LOOK_AGAIN_MS);
        } catch (thrown) {
          if (held.aborted) throw thrown;
          log.warn("inventory held back", { error: messageOf(thrown) });
          health(`facts are not taken in: ${messageOf(thrown)}`);
          await pause(RETRY_MS, held);
        }
      }
    });
  },
});

/** What one batch was. */
interface Batch {
  readonly runs: number;
  /** Jobs whose runs told something, or why they did not. */
  readonly jobIds: ReadonlySet<string>;
}

/** Looks at one batch of what is due. */
async function lookAtDue(db: Database, tenure: Tenure): Promise<Batch> {
  const due = await readDue(db, RUNS_AT_ONCE);
  if (due.length === 0) return { runs: 0, jobIds: new Set() };
  const chosen = firstOfEach(due);
  const { facts, notes } = await lookAt(db, chosen.flatMap(({ run }) => run ?? []));
  await db.write(async (tx) => {
    await assertHeld(tx, tenure);
    const neighbours = await readNeighbours(tx, facts);
    const changes = facts.map(({ pcId, jobId, place, facts: json }, index) => ({
      pcId,
      jobId,
      ...foldIn({ place, facts: json }, neighbours[index]?.before, neighbours[index]?.after),
    }));
    await tx.batch([
      keepFacts(facts),
      dropNotes(facts),
      keepNotes(notes),
      ...changeSpans(changes),
      deleteDue(chosen),
    ]);
  });
  return {
    runs: chosen.length,
    jobIds: new Set([...facts, ...notes].map(({ jobId }) => jobId)),
  };
}

/** Of each PC and job its first run, so that a batch changes no history twice; and no more output than one batch may have. */
function firstOfEach(due: readonly Due[]): readonly Due[] {
  const seen = new Set<string>();
  let bytes = 0;
  return due.filter(({ run }) => {
    if (run === null) return true;
    const name = JSON.stringify([run.pcId, run.jobId]);
    if (seen.has(name) || bytes > BYTES_AT_ONCE) return false;
    seen.add(name);
    bytes += mayTell(run) ? run.stdoutBytes : 0;
    return true;
  });
}

interface Looked {
  readonly facts: readonly FactRow[];
  readonly notes: readonly NoteRow[];
}

/** What runs tell, or why they do not. */
async function lookAt(db: Database, runs: readonly DueRun[]): Promise<Looked> {
  const stdouts = await readStdouts(
    db,
    runs.filter(mayTell).map(({ resultId }) => resultId),
  );
  const facts: FactRow[] = [];
  const notes: NoteRow[] = [];
  let bytes = 0;
  for (const run of runs) {
    const { pcId, jobId, finishedAt, resultId } = run;
    const of = { pcId, jobId, place: { at: finishedAt, resultId } };
    const reading = await read(run, stdouts.get(resultId) ?? null);
    if (reading.kind === "facts") facts.push({ ...of, facts: JSON.stringify(reading.facts) });
    else notes.push({ ...of, note: reading.why });
    bytes += run.stdoutBytes;
    if (bytes < BREATH_BYTES) continue;
    await breathe();
    bytes = 0;
  }
  return { facts, notes };
}

async function read(run: DueRun, stdout: StoredText | null): Promise<ReturnType<typeof readFacts>> {
  const why = whySilent(run);
  if (why !== undefined) return { kind: "none", why };
  return readFacts(await textOfStored(stdout));
}

function mayTell(run: DueRun): boolean {
  return whySilent(run) === undefined;
}

/** Why a run tells nothing, whatever it printed. */
function whySilent(run: DueRun): string | undefined {
  switch (run.outcome) {
    case "succeeded":
      if (run.outputUnavailable) return "its output was gone before it could be fetched";
      if (run.stdoutTruncated) return "its output was cut by the agent";
      return run.stdoutBytes <= MAX_FACTS_BYTES
        ? undefined
        : `its output has ${run.stdoutBytes} bytes, and at most ${MAX_FACTS_BYTES} are read`;
    case "expired":
      return "no result came by its deadline";
    case "skipped":
      return `it was skipped (exit code ${run.exitCode})`;
    default: {
      const reason = run.outcomeReason === null ? "" : ` (${run.outcomeReason})`;
      return `it ended with exit code ${run.exitCode}${reason}`;
    }
  }
}

/** Looks for runs that were committed before their job was known to have the hint, slice by slice. */
class EarlierRuns {
  readonly #db: Database;
  readonly #tenure: Tenure;
  #search: { readonly jobIds: readonly string[]; after: ScanPlace | undefined } | undefined;

  constructor(db: Database, tenure: Tenure) {
    this.#db = db;
    this.#tenure = tenure;
  }

  /** Notes what one slice holds. Answers whether there was any left. */
  async next(): Promise<boolean> {
    this.#search ??= await this.#begin();
    if (this.#search === undefined) return false;
    const { jobIds, after } = this.#search;
    const { found, end } = await scanRuns(this.#db.aside, { jobIds, after, slice: SLICE });
    await this.#db.write(async (tx) => {
      await assertHeld(tx, this.#tenure);
      await tx.batch([insertDue(found), ...(end === undefined ? [markCaughtUp(jobIds)] : [])]);
    });
    this.#search = end && { jobIds, after: end };
    return true;
  }

  async #begin() {
    const jobIds = await readJobsBehind(this.#db);
    return jobIds.length === 0 ? undefined : { jobIds, after: undefined };
  }
}
