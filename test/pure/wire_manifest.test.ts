import assert from "node:assert/strict";
import { test } from "node:test";
import { Fault } from "../../wire/fault.ts";
import { checkPosted, decodeAuthoredManifest, decodeManifest } from "../../wire/manifest.ts";

const EXECUTE = { shell: "sh", script: "echo hello", timeout: "60s" };
const MANIFEST = { id: "hello", version: "1.0.0", execute: EXECUTE };

/** Asserts that a manifest from its author is refused, naming the path. */
function assertRefused(manifest: unknown, path: string, message?: RegExp): void {
  assert.throws(() => decodeAuthoredManifest(manifest), (thrown) => {
    assert.ok(thrown instanceof Fault);
    assert.equal(thrown.code, "invalid_input");
    assert.equal(thrown.details["path"], path);
    if (message !== undefined) assert.match(thrown.message, message);
    return true;
  });
}

test("a manifest keeps what its author wrote", () => {
  const manifest = {
    ...MANIFEST,
    description: "says hello",
    inventory: {
      display: [{ field: "ram", label: "RAM", type: "bytes" }],
      summary: ["ram"],
    },
    staleness: { mode: "strict", max_cache_age: "1h" },
    tags: ["demo"],
    require_approval: false,
    check: { name: "ok", anything: [1] },
  };
  assert.deepEqual(decodeAuthoredManifest(manifest), manifest);
});

test("a stored manifest may hold members of a newer peer", () => {
  const stored = { ...MANIFEST, origin: { repo: "x" }, execute: { ...EXECUTE, nice: 5 } };
  assert.deepEqual(decodeManifest(stored), MANIFEST);
});

const REFUSED: readonly (readonly [string, unknown, string, RegExp?])[] = [
  ["is no mapping", "x", "", /must be a mapping/],
  ["has no version", { id: "hello", execute: EXECUTE }, "version", /it is missing/],
  ["misspells a key", { ...MANIFEST, verison: "1" }, "verison", /unknown key/],
  [
    "misspells a nested key",
    { ...MANIFEST, execute: { ...EXECUTE, timout: "1s" } },
    "execute.timout",
  ],
  [
    "has a __proto__ key",
    JSON.parse(
      '{"id":"a","version":"1","execute":{"shell":"sh","script":"","timeout":"1s"},"__proto__":{}}',
    ),
    "__proto__",
  ],
  [
    "has a __proto__ key in an opaque part",
    JSON.parse(
      '{"id":"a","version":"1","execute":{"shell":"sh","script":"x","timeout":"1s"},"check":{"__proto__":{}}}',
    ),
    "check.__proto__",
  ],
  ["has a number as version", { ...MANIFEST, version: 1 }, "version", /quote it/],
  [
    "has no script",
    { ...MANIFEST, execute: { shell: "sh", timeout: "1s" } },
    "execute",
    /exactly one/,
  ],
  [
    "has two scripts",
    { ...MANIFEST, execute: { ...EXECUTE, script_object: "a/1" } },
    "execute",
    /exactly one/,
  ],
  [
    "has an unknown shell",
    { ...MANIFEST, execute: { ...EXECUTE, shell: "fish" } },
    "execute.shell",
  ],
  [
    "has a timeout without unit",
    { ...MANIFEST, execute: { ...EXECUTE, timeout: "60" } },
    "execute.timeout",
  ],
  [
    "has a timeout that is a number",
    { ...MANIFEST, execute: { ...EXECUTE, timeout: 60 } },
    "execute.timeout",
  ],
  ["emits and has an inventory", { ...MANIFEST, emit: {}, inventory: { display: [] } }, "emit"],
  ["emits and checks", { ...MANIFEST, emit: {}, check: {} }, "emit"],
  ["emits and collects", { ...MANIFEST, emit: {}, collect: {} }, "emit"],
  ["has an id with a dot", { ...MANIFEST, id: "a.b" }, "id"],
  ["has an id with a star", { ...MANIFEST, id: "a*" }, "id"],
  ["has an empty id", { ...MANIFEST, id: "" }, "id"],
  ["takes the id of runs without a job", { ...MANIFEST, id: "adhoc" }, "id", /kept for/],
];

for (const [what, manifest, path, message] of REFUSED) {
  test(`a manifest that ${what} is refused`, () => assertRefused(manifest, path, message));
}

test("every unknown key of a manifest is named at once", () => {
  const bad = { ...MANIFEST, a: 1, execute: { ...EXECUTE, b: 2 } };
  assert.throws(() => decodeAuthoredManifest(bad), (thrown) => {
    assert.ok(thrown instanceof Fault);
    const problems = thrown.details["problems"] as readonly { path: string }[];
    assert.deepEqual(problems.map(({ path }) => path).toSorted(), ["a", "execute.b"]);
    return true;
  });
});

test("a posted manifest cannot name a file of its author's machine", () => {
  const authored = {
    ...MANIFEST,
    execute: { shell: "sh", script_file: "hello.sh", timeout: "1s" },
  };
  assert.throws(() => checkPosted(decodeAuthoredManifest(authored)), { code: "invalid_input" });
});
