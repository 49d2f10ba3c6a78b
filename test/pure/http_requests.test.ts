import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../../wire/codec.ts";
import { Fault } from "../../wire/fault.ts";
import {
  AgentsQuery,
  ExecutionsQuery,
  PingQuery,
  ResultsQuery,
  RowId,
  RunBody,
} from "../../wire/http_requests.ts";
import { parseWritten } from "../../wire/written.ts";

const problemPath = (read: () => unknown): unknown => {
  try {
    read();
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.code === "invalid_input") return thrown.details["path"];
    throw thrown;
  }
  return "nothing wrong";
};

const RUN = { pc_id: "pc-1", shell: "sh", script: "true" };

test("a run without a timeout gets the default", () => {
  assert.equal(parseWritten(RunBody, "run", RUN).timeout_secs, 60);
});

const BAD_RUNS: readonly (readonly [what: string, body: unknown, path: string])[] = [
  ["is no object", "echo", ""],
  ["lacks its script", { pc_id: "pc-1", shell: "sh" }, "script"],
  ["has an empty script", { ...RUN, script: "" }, "script"],
  ["has a script that is no text", { ...RUN, script: 1 }, "script"],
  ["has an unknown shell", { ...RUN, shell: "fish" }, "shell"],
  ["has a pc_id with a dot", { ...RUN, pc_id: "a.b" }, "pc_id"],
  ["has a pc_id with a star", { ...RUN, pc_id: "*" }, "pc_id"],
  ["has half a second of timeout", { ...RUN, timeout_secs: 0.5 }, "timeout_secs"],
  ["has no time at all", { ...RUN, timeout_secs: 0 }, "timeout_secs"],
  ["has more than 30 days of timeout", { ...RUN, timeout_secs: 2_592_001 }, "timeout_secs"],
  ["has a member that we do not know", { ...RUN, run_as: "user" }, "run_as"],
  [
    "has a __proto__ member",
    JSON.parse('{"pc_id":"p","shell":"sh","script":"x","__proto__":{}}'),
    "__proto__",
  ],
];

for (const [what, body, path] of BAD_RUNS) {
  test(`a run that ${what} is refused at "${path}"`, () => {
    assert.equal(problemPath(() => parseWritten(RunBody, "run", body)), path);
  });
}

test("a limit above 500 is cut down to 500, and none means 50", () => {
  assert.equal(parse(ExecutionsQuery, "query", { limit: "9999" }).limit, 500);
  assert.equal(parse(ExecutionsQuery, "query", {}).limit, 50);
});

const BAD_QUERIES: readonly (readonly [string, () => unknown, string])[] = [
  ["limit=0", () => parse(ExecutionsQuery, "query", { limit: "0" }), "limit"],
  ["limit=-1", () => parse(ExecutionsQuery, "query", { limit: "-1" }), "limit"],
  ["limit=1e3", () => parse(ExecutionsQuery, "query", { limit: "1e3" }), "limit"],
  ["an unknown state", () => parse(ExecutionsQuery, "query", { status: "done" }), "status"],
  ["an unknown outcome", () => parse(ResultsQuery, "query", { status: "ok" }), "status"],
  ["a since that is no time", () => parse(ResultsQuery, "query", { since: "yesterday" }), "since"],
  [
    "a since of 30 February",
    () => parse(ResultsQuery, "query", { since: "2026-02-30T00:00:00Z" }),
    "since",
  ],
  ["a long pattern", () => parse(ResultsQuery, "query", { pc_id: "x".repeat(1_001) }), "pc_id"],
  ["an offset below 0", () => parse(AgentsQuery, "query", { offset: "-1" }), "offset"],
  ["a presence that is none", () => parse(AgentsQuery, "query", { status: "away" }), "status"],
];

for (const [what, read, path] of BAD_QUERIES) {
  test(`a query with ${what} is refused at "${path}"`, () => {
    assert.equal(problemPath(read), path);
  });
}

test("since is read as milliseconds whatever its zone", () => {
  const read = (since: string) => parse(ResultsQuery, "query", { since }).since;
  assert.equal(read("2026-05-20T12:00:00Z"), Date.UTC(2026, 4, 20, 12));
  assert.equal(read("2026-05-20T14:00:00+02:00"), Date.UTC(2026, 4, 20, 12));
});

test("a ping waits from 1 to 30 seconds, 5 unless told", () => {
  const read = (query: Record<string, string>) => parse(PingQuery, "query", query).wait_secs;
  assert.deepEqual([read({}), read({ wait_secs: "0" }), read({ wait_secs: "99" })], [5, 1, 30]);
});

for (const text of ["", "x", "1.5", "-1", "1e3", "9".repeat(16)]) {
  test(`${JSON.stringify(text)} is no row number`, () => {
    assert.equal(problemPath(() => parse(RowId, "id", text)), "");
  });
}
