import type { Bus } from "../../actors/bus.ts";
import { encode } from "../../wire/codec.ts";

/** What an agent publishes, by hand: for tests of what a backend makes of it. */

export interface FakeRun {
  readonly resultId: string;
  readonly requestId: string;
  readonly execId: string;
  readonly pcId: string;
}

/** Publishes a started event; ends when the broker has stored it. Answers its sequence. */
export async function publishStarted(
  bus: Bus,
  run: FakeRun,
  members: Record<string, unknown> = {},
): Promise<number> {
  const { sequence } = await bus.publishAcked(
    `events.started.${run.execId}.${run.pcId}`,
    encode({
      result_id: run.resultId,
      request_id: run.requestId,
      exec_id: run.execId,
      pc_id: run.pcId,
      started_at: new Date().toISOString(),
      manifest_id: "probe",
      version: "1",
      ...members,
    }),
  );
  return sequence;
}

/** Publishes a result; ends when the broker has stored it. Answers its sequence. */
export async function publishResult(
  bus: Bus,
  run: FakeRun,
  members: Record<string, unknown> = {},
): Promise<number> {
  const now = new Date().toISOString();
  const { sequence } = await bus.publishAcked(
    `results.${run.requestId}`,
    encode({
      result_id: run.resultId,
      request_id: run.requestId,
      exec_id: run.execId,
      pc_id: run.pcId,
      exit_code: 0,
      stdout: "",
      stderr: "",
      started_at: now,
      finished_at: now,
      manifest_id: "probe",
      ...members,
    }),
  );
  return sequence;
}
