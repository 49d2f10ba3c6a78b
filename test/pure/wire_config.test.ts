import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveConfig } from "../../wire/config.ts";

test("without any layer an agent goes by the built-in configuration", () => {
  assert.deepEqual(resolveConfig({ global: null, groups: {}, pc: null }), {
    heartbeatIntervalMs: 30_000,
    maxLocalConcurrent: null,
    targetVersion: null,
    targetVersionJitterMs: 600_000,
    hostPerfIntervalMs: 60_000,
  });
});

test("a PC's own layer wins over its groups, and those over the global one", () => {
  const config = resolveConfig({
    global: { heartbeat_interval: "10s", max_local_concurrent: 1, target_version: "1" },
    groups: { a: { max_local_concurrent: 2, target_version: "2" } },
    pc: { target_version: "3" },
  });
  assert.equal(config.heartbeatIntervalMs, 10_000);
  assert.equal(config.maxLocalConcurrent, 2);
  assert.equal(config.targetVersion, "3");
});

test("of two groups the later in byte order wins, whatever order they are given in", () => {
  // U+FF5E comes before U+1F600 in UTF-8, and after it in UTF-16.
  const groups = { "\u{1f600}": { target_version: "late" }, "\uff5e": { target_version: "early" } };
  assert.equal(resolveConfig({ global: null, groups, pc: null }).targetVersion, "late");
  const prefix = { ab: { target_version: "ab" }, a: { target_version: "a" } };
  assert.equal(resolveConfig({ global: null, groups: prefix, pc: null }).targetVersion, "ab");
});
