import type { Bus } from "../../actors/bus.ts";
import { encode } from "../../wire/codec.ts";

/** What an agent publishes, by hand: for tests of what a backend makes of it. */

export interface FakeRun {
  readonly resultId: string;
  readonly requestId: string;
  readonly execId: string;
  readonly pcId: string;
}

/** The members of a started event. */
export function startedOf(run: FakeRun): Record<string, unknown> {
  return {
    ...idsOf(run),
    started_at: new Date().toISOString(),
    manifest_id: "probe",
    version: "1",
  };
}

/** The members of a result of exit 0. */
export function resultOf(run: FakeRun): Record<string, unknown> {
  const now = new Date().toISOString();
  return {
    ...idsOf(run),
    exit_code: 0,
    stdout: "",
    stderr: "",
    started_at: now,
    finished_at: now,
    manifest_id: "probe",
  };
}

/** Publishes a started event; ends when the broker has stored it. Answers its sequence. */
export async function publishStarted(
  bus: Bus,
  run: FakeRun,
  members: Record<string, unknown> = {},
): Promise<number> {
  const { sequence } = await bus.publishAcked(
    `events.started.${run.execId}.${run.pcId}`,
    encode({ ...startedOf(run), ...members }),
  );
  return sequence;
}

/** Publishes a result; ends when the broker has stored it. Answers its sequence. */
export async function publishResult(
  bus: Bus,
  run: FakeRun,
  members: Record<string, unknown> = {},
): Promise<number> {
  const { sequence } = await bus.publishAcked(
    `results.${run.requestId}`,
    encode({ ...resultOf(run), ...members }),
  );
  return sequence;
}

function idsOf({ resultId, requestId, execId, pcId }: FakeRun): Record<string, unknown> {
  return { result_id: resultId, request_id: requestId, exec_id: execId, pc_id: pcId };
}
