import { setTimeout as sleep } from "node:timers/promises";
import type * as v from "valibot";
import { RunAnnouncement, TransitionAnnouncement } from "../../wire/announcement.ts";
import { decode } from "../../wire/codec.ts";
import { Fault } from "../../wire/fault.ts";
import { ExecutionDetail } from "../../wire/http.ts";
import type { ApiClient } from "./api_client.ts";
import type { Ended, Progress } from "./progress.ts";
import type { ServerEvent } from "./server_events.ts";

const ENDED_STATUSES = ["completed", "expired"];
/** Before we listen again after the backend went away. */
const RECONNECT_MS = 1_000;

export type OnProgress = (progress: Progress, ended: readonly Ended[]) => void;

/**
 * Follows an execution by what the backend announces until it ends; nothing is polled. Listening comes before
 * reading, so nothing falls between. When the backend goes away, it listens and reads again once it is back.
 *
 * @returns the execution as it ended
 */
export async function followExecution(
  client: ApiClient,
  execId: string,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<ExecutionDetail> {
  const runs = new RunsSeen(onProgress);
  for (;;) {
    try {
      const detail = await followOnce(client, execId, runs, signal);
      if (detail !== undefined) return detail;
    } catch (thrown) {
      if (!(thrown instanceof Fault) || !thrown.retryable) throw thrown;
    }
    await sleep(RECONNECT_MS, undefined, { signal });
  }
}

/** Undefined when the stream of events ended before the execution did. */
async function followOnce(
  client: ApiClient,
  execId: string,
  runs: RunsSeen,
  signal: AbortSignal,
): Promise<ExecutionDetail | undefined> {
  const done = new AbortController();
  const events = await client.events(AbortSignal.any([signal, done.signal]));
  try {
    const read = () => client.get(ExecutionDetail, `/api/executions/${encodeURIComponent(execId)}`);
    const detail = await read();
    runs.readAll(detail);
    if (hasEnded(detail)) return detail;
    for await (const event of events) {
      const sawEnd = runs.hear(event, execId);
      if (!sawEnd && event.event !== "lagged") continue;
      const now = await read();
      runs.readAll(now);
      if (hasEnded(now)) return now;
    }
    return undefined;
  } catch (thrown) {
    // A stream that breaks off is a backend that went away; what it answered is a fault already.
    if (thrown instanceof Fault || signal.aborted) throw thrown;
    return undefined;
  } finally {
    done.abort();
  }
}

function hasEnded({ execution }: ExecutionDetail): boolean {
  return ENDED_STATUSES.includes(execution.status);
}

/** What is known of every run, from the list and from announcements. */
class RunsSeen {
  readonly #outcomes = new Map<string, string | null>();
  readonly #counts = new Map<string | null, number>();
  readonly #onProgress: OnProgress;
  #targets = 0;

  constructor(onProgress: OnProgress) {
    this.#onProgress = onProgress;
  }

  readAll({ execution, results }: ExecutionDetail): void {
    this.#targets = execution.target_count;
    this.#take(results);
  }

  /** Takes an announcement. Whether it says that the execution ended. */
  hear({ event, data }: ServerEvent, execId: string): boolean {
    if (event === "transition") {
      const { exec_id: id, to } = readEvent(TransitionAnnouncement, data);
      return id === execId && ENDED_STATUSES.includes(to);
    }
    if (event === "run") {
      const run = readEvent(RunAnnouncement, data);
      if (run.exec_id === execId) this.#take([run]);
    }
    return false;
  }

  #take(runs: readonly Omit<RunAnnouncement, "type" | "exec_id">[]): void {
    const ended: Ended[] = [];
    for (const { result_id: id, pc_id: pcId, outcome, exit_code: exitCode } of runs) {
      if (this.#note(id, outcome) && outcome !== null) ended.push({ pcId, outcome, exitCode });
    }
    this.#onProgress(this.#progress(), ended);
  }

  /** Whether it is news. An announced beginning may come after an end that was read. */
  #note(resultId: string, outcome: string | null): boolean {
    const known = this.#outcomes.get(resultId);
    if (known === outcome || (known !== undefined && outcome === null)) return false;
    if (known !== undefined) this.#counts.set(known, (this.#counts.get(known) ?? 0) - 1);
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + 1);
    this.#outcomes.set(resultId, outcome);
    return true;
  }

  #progress(): Progress {
    const count = (outcome: string | null) => this.#counts.get(outcome) ?? 0;
    return {
      targets: this.#targets,
      succeeded: count("succeeded"),
      failed: count("failed"),
      skipped: count("skipped"),
      expired: count("expired"),
      running: count(null),
    };
  }
}

function readEvent<S extends v.GenericSchema>(schema: S, data: string): v.InferOutput<S> {
  return decode(schema, "event of the backend", new TextEncoder().encode(data));
}
