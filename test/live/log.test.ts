import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog } from "../../actors/log.ts";
import { Fault } from "../../wire/fault.ts";

function logged(pretty: boolean): { log: ReturnType<typeof createLog>; lines: string[] } {
  const lines: string[] = [];
  return { lines, log: createLog({ level: "info", pretty, write: (line) => lines.push(line) }) };
}

test("a line is one JSON document with its level, time, phrase and fields", () => {
  const { log, lines } = logged(false);
  log.child({ actor: "reaper" }).info("execution completed", { execId: "e", succeeded: 2 });
  const { at, ...line } = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  assert.match(String(at), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert.deepEqual(line, {
    level: "info",
    actor: "reaper",
    execId: "e",
    succeeded: 2,
    phrase: "execution completed",
  });
});

test("on a terminal a line is for people", () => {
  const { log, lines } = logged(true);
  log.warn("lost the connection", { url: "nats://a" });
  assert.match(lines[0] ?? "", /^[\d:.]{12} warn {2}lost the connection url="nats:\/\/a"\n$/);
});

test("what was thrown is logged as its message, a Fault with its code", () => {
  const { log, lines } = logged(false);
  const fault = new Fault("not_found", "Cannot find it", { cause: new Error("secret cause") });
  log.error("it failed", { error: fault, other: new TypeError("no") });
  const line = JSON.parse(lines[0] ?? "") as Record<string, unknown>;
  assert.deepEqual([line["error"], line["other"]], ["not_found: Cannot find it", "no"]);
});

test("lines below the level are not written", () => {
  const { log, lines } = logged(false);
  log.debug("detail");
  assert.deepEqual(lines, []);
});
