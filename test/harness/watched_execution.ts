import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { DispatchAnswer } from "../../actors/dispatch_types.ts";
import type { ExecutionDetail, InvariantsAnswer, RunAnswer } from "../../wire/http.ts";
import type { TestBackend } from "./backend.ts";
import { type FakeRun, publishResult, publishStarted } from "./fleet_messages.ts";
import { eventually } from "./wait.ts";

/** One execution: what its agents would publish, each message waited for until it is projected, and what the API shows. */
export class WatchedExecution {
  readonly #backend: TestBackend;
  readonly dispatched: DispatchAnswer;

  /** @param backend whoever serves now */
  constructor(backend: TestBackend, dispatched: DispatchAnswer) {
    this.#backend = backend;
    this.dispatched = dispatched;
  }

  /** Dispatches to PCs, or to whatever else a plan can name. */
  static async dispatch(
    backend: TestBackend,
    target: readonly string[] | Record<string, unknown>,
  ): Promise<WatchedExecution> {
    const plan = Array.isArray(target) ? { pcs: target } : target as Record<string, unknown>;
    return new WatchedExecution(backend, await backend.dispatch(plan));
  }

  /** The same execution, seen by the backend that serves now. */
  seenBy(backend: TestBackend): WatchedExecution {
    return new WatchedExecution(backend, this.dispatched);
  }

  get execId(): string {
    return this.dispatched.exec_id;
  }

  /** A run on a PC that this execution was sent to, or on any other. */
  run(pcId: string, ids: Partial<FakeRun> = {}): FakeRun {
    const { exec_id: execId, request_id: requestId } = this.dispatched;
    return { resultId: randomUUID(), requestId, execId, pcId, ...ids };
  }

  async started(run: FakeRun, members: Record<string, unknown> = {}): Promise<void> {
    const sequence = await publishStarted(this.#backend.bus, run, members);
    await this.#backend.projected("EVENTS", sequence);
  }

  async allStarted(runs: readonly FakeRun[]): Promise<void> {
    const sequences = runs.map((run) => publishStarted(this.#backend.bus, run));
    await this.#backend.projected("EVENTS", Math.max(...await Promise.all(sequences)));
  }

  async ended(run: FakeRun, members: Record<string, unknown> = {}): Promise<void> {
    const sequence = await publishResult(this.#backend.bus, run, members);
    await this.#backend.projected("RESULTS", sequence);
  }

  async detail(): Promise<ExecutionDetail> {
    return await this.#backend.api("GET", `/api/executions/${this.execId}`);
  }

  /** The runs as they are listed, by PC. */
  async runs(): Promise<readonly RunAnswer[]> {
    const { results } = await this.detail();
    return results.toSorted((a, b) => a.pc_id < b.pc_id ? -1 : 1);
  }

  /** "completed 1/1/0/0": the status, then succeeded, failed, skipped and expired runs. */
  async stands(): Promise<string> {
    const { execution } = await this.detail();
    const { success_count, failure_count, skipped_count, expired_count } = execution;
    const counts = [success_count, failure_count, skipped_count, expired_count];
    return `${execution.status} ${counts.join("/")}`;
  }

  /** Ends when it stands so. */
  async becomes(wanted: string): Promise<void> {
    let last = "";
    try {
      await eventually(wanted, async () => (last = await this.stands()) === wanted);
    } catch (thrown) {
      throw new Error(`waited for "${wanted}", it stands at "${last}"`, { cause: thrown });
    }
  }

  /** "pending → running → completed". */
  async path(): Promise<string> {
    const timeline = await this.#backend.api<{ to: string }[]>(
      "GET",
      `/api/executions/${this.execId}/timeline`,
    );
    return timeline.map(({ to }) => to).join(" → ");
  }
}

/** Every check of `GET /api/invariants` holds, dead letters aside unless they are asked for. */
export async function assertInvariants(backend: TestBackend, deadLetters = 0): Promise<void> {
  const { invariants: checks } = await backend.api<InvariantsAnswer>("GET", "/api/invariants");
  const violated = checks.filter(({ ok, name }) => !ok && name !== "no_dead_letters");
  assert.deepEqual(violated, []);
  const dead = checks.find(({ name }) => name === "no_dead_letters");
  assert.equal(dead?.count, deadLetters);
}
