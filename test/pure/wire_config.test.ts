import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ConfigLayer,
  configPlacesOf,
  type ConfigScope,
  resolveConfig,
  resolveFields,
} from "../../wire/config.ts";

/** The layers of the PC `p`, by their places' names. */
function layersOf(scopes: Readonly<Record<string, ConfigScope>>): readonly ConfigLayer[] {
  const groups = Object.keys(scopes).filter((name) => name !== "global" && name !== "p");
  return configPlacesOf("p", groups).flatMap((place) => {
    const scope = scopes[place.kind === "global" ? "global" : place.name];
    return scope === undefined ? [] : [{ place, scope }];
  });
}

test("without any layer an agent goes by the built-in configuration", () => {
  assert.deepEqual(resolveConfig([]), {
    heartbeatIntervalMs: 30_000,
    maxLocalConcurrent: null,
    targetVersion: null,
    targetVersionJitterMs: 600_000,
    hostPerfIntervalMs: 60_000,
  });
});

test("a PC's own layer wins over its groups, and those over the global one", () => {
  const layers = layersOf({
    global: { heartbeat_interval: "10s", max_local_concurrent: 1, target_version: "1" },
    a: { max_local_concurrent: 2, target_version: "2" },
    p: { target_version: "3" },
  });
  const config = resolveConfig(layers);
  assert.equal(config.heartbeatIntervalMs, 10_000);
  assert.equal(config.maxLocalConcurrent, 2);
  assert.equal(config.targetVersion, "3");
  const fields = resolveFields(layers);
  assert.deepEqual(Object.values(fields).map(({ from }) => from?.kind ?? "built in"), [
    "global",
    "groups",
    "pcs",
    "built in",
    "built in",
  ]);
});

test("a field that is null or an empty text leaves what the layer below says", () => {
  const { target_version } = resolveFields(
    layersOf({ global: { target_version: "1" }, a: { target_version: "" }, p: {} }),
  );
  assert.deepEqual(target_version, { value: "1", from: { kind: "global" } });
});

test("of two groups the later in byte order wins, whatever order they are given in", () => {
  // U+FF5E comes before U+1F600 in UTF-8, and after it in UTF-16.
  const groups = { "\u{1f600}": { target_version: "late" }, "\uff5e": { target_version: "early" } };
  assert.equal(resolveConfig(layersOf(groups)).targetVersion, "late");
  const prefix = { ab: { target_version: "ab" }, a: { target_version: "a" } };
  assert.equal(resolveConfig(layersOf(prefix)).targetVersion, "ab");
});
