import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openKv } from "../../actors/kv.ts";
import { encode } from "../../wire/codec.ts";
import type { DispatchAnswerBody, ExecutionDetail } from "../../wire/http.ts";
import { type CommandTakers, takeCommands } from "../harness/command_takers.ts";
import { PROBE, startWhole, type TestSystem } from "../harness/backend.ts";
import { eventually } from "../harness/wait.ts";

const PCS = ["pc-1", "pc-2", "pc-3", "pc-4"];
const GROUPS = { canary: ["pc-1", "pc-2"], rest: ["pc-2", "pc-3", "pc-4"], nobody: [] };

let system: TestSystem;
before(async () => {
  system = await startWhole({ sweepIntervalMs: 200 });
  await system.backend.hear(...PCS);
  for (const pcId of PCS) {
    const groups = Object.entries(GROUPS).filter(([, members]) =>
      (members as readonly string[]).includes(pcId)
    ).map(([name]) => name);
    await openKv(system.backend.bus, "agent_groups").put(pcId, encode({ groups }));
  }
});
after(() => system[Symbol.asyncDispose]());

let jobs = 0;
/** Dispatches a job of its own. */
async function dispatch(plan: Record<string, unknown>): Promise<DispatchAnswerBody> {
  const job = `job-${jobs += 1}`;
  await system.backend.api("POST", "/api/jobs", { ...PROBE, id: job });
  return await system.backend.api("POST", `/api/exec/${job}`, plan);
}

async function groupsKnown(): Promise<void> {
  await eventually("the groups", async () => {
    const plan = { rollout: { strategy: "wave", waves: [{ group: "rest", delay: "1d" }] } };
    const answer = await dispatch(plan).catch(() => undefined);
    return answer?.target_count === 3;
  });
}

function takers(exitCode: (pcId: string) => number | null = () => 0): CommandTakers {
  return takeCommands({ bus: system.backend.bus, pcIds: PCS, groups: GROUPS, exitCode });
}

interface Rollout {
  readonly status: string;
  readonly wave: number;
  readonly reason: string | null;
  readonly held: string | null;
}

async function rolloutOf(execId: string): Promise<Rollout> {
  const [row] = await system.database.db.query("SELECT * FROM rollouts WHERE exec_id = ?", [
    execId,
  ]);
  return row as unknown as Rollout;
}

async function until(execId: string, status: string): Promise<Rollout> {
  return await eventually(`the rollout to be ${status}`, async () => {
    const rollout = await rolloutOf(execId);
    return rollout.status === status ? rollout : undefined;
  });
}

async function executionOf(execId: string): Promise<ExecutionDetail> {
  return await system.backend.api("GET", `/api/executions/${execId}`);
}

test("waves of groups go one after the other, and a PC in two of them runs once", async () => {
  await groupsKnown();
  await using fleet = takers();
  const { exec_id, request_id, target_count } = await dispatch({
    rollout: {
      strategy: "wave",
      waves: [{ group: "canary", delay: "0s" }, { group: "rest", delay: "1s" }],
    },
  });
  assert.equal(target_count, 4);
  await until(exec_id, "completed");
  await eventually(
    "the end",
    async () => (await executionOf(exec_id)).execution.status === "completed",
  );
  assert.deepEqual(fleet.heard.map(({ subject }) => subject), [
    "commands.group.canary",
    "commands.group.rest",
  ]);
  assert.deepEqual(fleet.ran(request_id), PCS);
  const { execution } = await executionOf(exec_id);
  assert.equal(execution.success_count, 4);
  assert.ok(execution.deadline_at !== null);
});
