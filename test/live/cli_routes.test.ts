/** The command line reaches every route that changes something. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Route } from "../../actors/http/route.ts";
import { ROUTES } from "../../actors/http/routes.ts";
import { runCli } from "../harness/cli.ts";
import { startApi, type TestApi, TOKEN } from "../harness/http_api.ts";
import { nameOf } from "../harness/http_routes.ts";
import { type RecordingProxy, startRecordingProxy } from "../harness/recording_proxy.ts";

/** The command line that reaches each route; `JOB`, `SCHEDULE` and `SCRIPT` stand for files. */
const COMMANDS: Readonly<Record<string, string>> = {
  "POST /api/exec/{job_id}": "exec one --pc pc-1",
  "POST /api/exec/{job_id}/preview": "exec one --pc pc-1 --preview",
  "POST /api/executions": "script --pc pc-1 -- true",
  "POST /api/run": "run pc-1 --wait 0s -- true",
  "POST /api/executions/{exec_id}/kill": "kill one",
  "POST /api/executions/{exec_id}/retry": "retry one",
  "POST /api/jobs/{id}/kill": "kill --job one",
  "POST /api/agents/{pc_id}/kill": "kill --pc pc-1",
  "POST /api/results/{result_id}/kill": "kill --run one",
  "POST /api/rollouts/{exec_id}/pause": "rollout pause one",
  "POST /api/rollouts/{exec_id}/resume": "rollout resume one",
  "POST /api/rollouts/{exec_id}/abort": "rollout abort one",
  "POST /api/jobs": "job create -f JOB",
  "DELETE /api/jobs/{id}": "job delete one",
  "POST /api/schedules": "schedule create -f SCHEDULE",
  "DELETE /api/schedules/{id}": "schedule delete one",
  "POST /api/schedules/{id}/enable": "schedule enable one",
  "POST /api/schedules/{id}/disable": "schedule disable one",
  "PUT /api/freeze": "freeze set",
  "DELETE /api/freeze": "freeze clear",
  "POST /api/scripts/{id}/revoke": "revoke one",
  "POST /api/scripts/{id}/unrevoke": "unrevoke one",
  "PUT /api/script-objects/{name}/{version}": "script-object put one/1 -f SCRIPT",
  "DELETE /api/script-objects/{name}/{version}": "script-object delete one/1",
  "DELETE /api/agents/{pc_id}": "agent forget pc-1",
  "POST /api/agents/{pc_id}/ping": "agent ping pc-1",
  "POST /api/agents/{pc_id}/enrol": "agent enrol pc-1",
  "POST /api/agents/{pc_id}/revoke": "agent revoke pc-1",
  "PUT /api/agents/{pc_id}/groups": "group set pc-1 lab",
  "PUT /api/config/global": "config set heartbeat_interval=1m",
  "DELETE /api/config/global": "config unset",
  "PUT /api/config/groups/{group}": "config set --group lab heartbeat_interval=1m",
  "DELETE /api/config/groups/{group}": "config unset --group lab",
  "PUT /api/config/pcs/{pc_id}": "config set --pc pc-1 heartbeat_interval=1m",
  "DELETE /api/config/pcs/{pc_id}": "config unset --pc pc-1",
  "POST /api/dead-letters/{id}/replay": "dead-letters replay 1",
  "DELETE /api/dead-letters/{id}": "dead-letters delete 1",
  "POST /api/rebuild": "rebuild",
};

/** Routes that no command reaches, and why. */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  "POST /api/session": "signs a browser in; the command line sends its token each time",
  "DELETE /api/session": "signs a browser out",
};

let api: TestApi;
let proxy: RecordingProxy;
let folder = "";

before(async () => {
  api = await startApi();
  proxy = await startRecordingProxy(api.url);
  folder = await mkdtemp(join(tmpdir(), "kanade-cli-"));
  const execute = { shell: "sh", script: "true", timeout: "10s" };
  const schedule = { id: "one", job_id: "one", target: { all: true }, when: { per_pc: "once" } };
  await writeFile(join(folder, "JOB"), JSON.stringify({ id: "one", version: "1", execute }));
  await writeFile(join(folder, "SCHEDULE"), JSON.stringify(schedule));
  await writeFile(join(folder, "SCRIPT"), "true\n");
});

after(async () => {
  await proxy[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const CHANGING = ROUTES.filter(({ method }) => method !== "GET");

/** Whether a request, as the proxy names it, is one of the route. */
function isOf({ method, path }: Route, asked: string): boolean {
  const pattern = path.replaceAll(/\{\w+\}/g, "[^/]+");
  return new RegExp(`^${method} ${pattern}$`).test(asked);
}

test("every route that changes something has its command line, or a reason to have none", () => {
  assert.deepEqual(
    [...Object.keys(COMMANDS), ...Object.keys(EXCEPTIONS)].toSorted(),
    CHANGING.map(nameOf).toSorted(),
  );
});

for (const route of CHANGING) {
  const line = COMMANDS[nameOf(route)];
  if (line === undefined) continue;

  test(`kanade ${line.replaceAll(/[A-Z]{3,}/g, "<file>")} reaches ${nameOf(route)}`, async () => {
    const args = line.split(" ").map((word) =>
      /^[A-Z]{3,}$/.test(word) ? join(folder, word) : word
    );
    proxy.asked.length = 0;
    // The world is empty: that it is asked counts, not what it answers.
    await runCli(args, { env: { KANADE_SERVER: proxy.url, KANADE_TOKEN: TOKEN } });
    assert.ok(proxy.asked.some((asked) => isOf(route, asked)), proxy.asked.join(", "));
  });
}
