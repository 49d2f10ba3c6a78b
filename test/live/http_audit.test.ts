import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ROUTES } from "../../actors/http/routes.ts";
import type { AuditAnswer } from "../../wire/http_audit.ts";
import { bearer, jwt, startApi, type TestApi } from "../harness/http_api.ts";
import { nameOf, pathOf } from "../harness/http_routes.ts";
import { STATE_CHANGES } from "../harness/state_changes.ts";
import { eventually } from "../harness/wait.ts";

let api: TestApi;
before(async () => {
  api = await startApi({ actors: true, enrols: true });
});
after(() => api[Symbol.asyncDispose]());

const CHANGING = ROUTES.filter(({ method }) => method !== "GET");

interface Entry {
  readonly actor: string;
  readonly action: string;
  readonly target: string | null;
  readonly payload: Record<string, unknown> | null;
}

/** Audit events in the order in which they were committed, sent or not. */
async function entries(of: TestApi): Promise<readonly Entry[]> {
  const rows = await of.db.query(
    "SELECT payload FROM command_outbox WHERE kind = 'audit' ORDER BY id",
  );
  return rows.map(({ payload }) =>
    JSON.parse(new TextDecoder().decode(payload as Uint8Array)) as Entry
  );
}

async function entriesOf(of: TestApi, act: () => Promise<unknown>): Promise<readonly Entry[]> {
  const before = await entries(of);
  await act();
  return (await entries(of)).slice(before.length);
}

test("every route that changes something has a row in the table of changes", () => {
  assert.deepEqual(
    Object.keys(STATE_CHANGES).toSorted(),
    CHANGING.map(nameOf).toSorted(),
    "a new route needs a row in test/harness/state_changes.ts",
  );
});

for (const route of CHANGING) {
  const change = STATE_CHANGES[nameOf(route)];

  test(`${nameOf(route)} leaves ${change?.action ?? "no"} audit row with its change`, async () => {
    assert.ok(change !== undefined, "it needs a row in test/harness/state_changes.ts");
    await change.prepare?.(api);
    const made = await entriesOf(api, async () => {
      const headers = { "content-type": "application/json" };
      const body = change.body === undefined ? {} : { body: JSON.stringify(change.body), headers };
      const response = await api.ask(change.path, { method: route.method, ...body });
      const isDone = response.ok || response.status === 408 || change.action === null;
      assert.ok(isDone, `${response.status} ${await response.text()}`);
    });
    assert.deepEqual(
      made.map(({ action }) => action),
      change.action === null ? [] : [change.action],
    );
    for (const { actor } of made) assert.equal(actor, "admin");
  });

  test(`${nameOf(route)} leaves a row for a call that it refuses`, async () => {
    const viewer = bearer(await jwt({ role: "viewer" }));
    const headers = route.role === "public" ? { origin: "https://evil.example" } : viewer;
    const [refused, ...others] = await entriesOf(
      api,
      () => fetch(api.url + pathOf(route), { method: route.method, headers }),
    );
    assert.deepEqual(others, []);
    assert.equal(refused?.action, "refused");
    assert.equal(refused?.actor, route.role === "public" ? "nobody" : "ann");
    assert.equal(refused?.target, `${route.method} ${pathOf(route)}`);
    assert.deepEqual(
      [refused?.payload?.["route"], refused?.payload?.["code"]],
      [nameOf(route), "forbidden"],
    );
  });
}

test("what is refused for what it asks is told with its reason, and never with its body", async () => {
  const made = await entriesOf(
    api,
    () => api.post("/api/run", { pc_id: "pc-1", shell: "fish", script: "echo secret" }),
  );
  assert.deepEqual(made.map(({ payload }) => payload?.["code"]), ["invalid_input"]);
  assert.doesNotMatch(JSON.stringify(made), /secret/);
});

test("a wrong token is no part of the row that tells of it", async () => {
  const made = await entriesOf(api, () =>
    fetch(`${api.url}/api/session`, {
      method: "POST",
      body: JSON.stringify({ token: "a-wrong-secret" }),
    }));
  assert.deepEqual(
    made.map(({ actor, payload }) => [actor, payload?.["code"]]),
    [["nobody", "unauthenticated"]],
  );
  assert.doesNotMatch(JSON.stringify(made), /a-wrong-secret/);
});

test("a read leaves no row, unless the caller's role does not allow it", async () => {
  assert.deepEqual(await entriesOf(api, () => api.ask("/api/executions/none")), []);
  assert.deepEqual(await entriesOf(api, () => fetch(`${api.url}/api/executions`)), []);
});

test("strangers cannot fill the audit log: what is beyond 60 rows a minute is counted", async () => {
  await using quiet = await startApi();
  const made = await entriesOf(quiet, async () => {
    for (let at = 0; at < 70; at += 1) {
      await fetch(`${quiet.url}/api/rebuild`, { method: "POST" });
    }
  });
  assert.equal(made.length, 60);
});

test("what was committed is in the audit log in the end, once", async () => {
  const committed = (await entries(api)).map((
    { actor, action, target },
  ) => [actor, action, target]);
  await eventually("the audit log", async () => {
    const rows = await api.get<AuditAnswer[]>("/api/audit?limit=500");
    const read = rows.map(({ actor, action, target }) => [actor, action, target]);
    if (read.length < committed.length) return false;
    assert.deepEqual(read.toReversed(), committed);
    return true;
  });
});
