/** Each rule of `npm run check` that is ours, broken on purpose. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { withDiagrams } from "../../scripts/check/diagrams.ts";
import { importProblems, importsOf, zoneOf } from "../../scripts/check/imports.ts";
import { purityProblems } from "../../scripts/check/purity.ts";

const FORBIDDEN: readonly (readonly [string, string])[] = [
  ["wire/a.ts", "../machines/run.ts"],
  ["wire/a.ts", "node:fs"],
  ["wire/a.ts", "nats"],
  ["machines/a.ts", "../db/runs.ts"],
  ["machines/a.ts", "node:crypto"],
  ["db/a.ts", "../machines/run.ts"],
  ["db/a.ts", "../actors/log.ts"],
  ["actors/reaper.ts", "libsql"],
  ["actors/reaper.ts", "../agent/outbox.ts"],
  ["actors/reaper.ts", "../scripts/settings.ts"],
  ["actors/system/a.ts", "../../db/runs.ts"],
  ["actors/bus.ts", "../machines/execution.ts"],
  ["actors/kv_watch.ts", "./reaper.ts"],
  ["agent/a.ts", "../db/runs.ts"],
  ["agent/a.ts", "../actors/reaper.ts"],
  ["web/a.ts", "../actors/bus.ts"],
  ["web/a.ts", "node:fs"],
];

for (const [path, specifier] of FORBIDDEN) {
  test(`${path} may not import ${specifier}`, () => {
    const text = `import { x } from "${specifier}";\nexport const y = x;\n`;
    assert.deepEqual(importProblems([{ path, text }]), [
      `${path}: ${zoneOf(path)} may not import ${specifier}`,
    ]);
  });
}

const ALLOWED: readonly (readonly [string, string])[] = [
  ["wire/a.ts", "valibot"],
  ["wire/a.ts", "@noble/hashes/sha2.js"],
  ["machines/a.ts", "../wire/ids.ts"],
  ["db/a.ts", "node:worker_threads"],
  ["actors/reaper.ts", "../machines/run.ts"],
  ["actors/reaper.ts", "./bus.ts"],
  ["agent/a.ts", "../actors/bus.ts"],
  ["agent/a.ts", "../actors/system/clock.ts"],
  ["scripts/a.ts", "../actors/reaper.ts"],
  ["test/live/a.test.ts", "../../db/runs.ts"],
];

for (const [path, specifier] of ALLOWED) {
  test(`${path} may import ${specifier}`, () => {
    const text = `import { x } from "${specifier}";\nexport const y = x;\n`;
    assert.deepEqual(importProblems([{ path, text }]), []);
  });
}

test("every way to import is seen, and none in a comment or a longer text", () => {
  const text = [
    'import a from "a";',
    'import type { B } from "b";',
    'import {\n  c,\n} from "c";',
    'export { d } from "d";',
    'import "e";',
    'const f = await import("f");',
    'new Worker(new URL("./g.ts", import.meta.url));',
    '// import h from "h";',
    '/* import i from "i"; */',
    '/**\n * import j from "j";\n */',
  ].join("\n");
  assert.deepEqual(importsOf(text), ["a", "b", "c", "d", "e", "f", "./g.ts"]);
});

test("a ring of imports is reported once", () => {
  const ring = [
    { path: "wire/a.ts", text: 'import { b } from "./b.ts";\nexport const a = b;' },
    { path: "wire/b.ts", text: 'import { c } from "./c.ts";\nexport const b = c;' },
    { path: "wire/c.ts", text: 'import { b } from "./b.ts";\nexport const c = b;' },
  ];
  assert.deepEqual(importProblems(ring), ["wire/b.ts → wire/c.ts → wire/b.ts: a cycle"]);
});

test("a file that only passes on what others export is a barrel", () => {
  const text = 'export { a } from "./a.ts";\nexport type { B } from "./b.ts";\n';
  assert.deepEqual(importProblems([{ path: "wire/mod.ts", text }]), [
    "wire/mod.ts: only passes on what others export",
  ]);
});

const IMPURE: readonly (readonly [string, string])[] = [
  ["Date.now()", "reads the clock"],
  ["new Date()", "reads the clock"],
  ["performance.now()", "reads the clock"],
  ["setTimeout(f, 1)", "sets a timer"],
  ["Math.random()", "takes a random value"],
  ["crypto.randomUUID()", "takes a random value"],
  ["process.env", "asks the process"],
  ["fetch(url)", "opens a connection"],
];

for (const [code, what] of IMPURE) {
  test(`a machine with ${code} is not pure`, () => {
    const sources = [{ path: "machines/a.ts", text: `\nconst x = ${code};` }];
    assert.deepEqual(purityProblems(sources), [`machines/a.ts:2: ${what}`]);
  });
}

test("a date made from a number is pure, and so is a clock in a comment or elsewhere", () => {
  const sources = [
    { path: "wire/a.ts", text: "const x = new Date(0); // not Date.now()" },
    { path: "actors/a.ts", text: "const x = Date.now();" },
  ];
  assert.deepEqual(purityProblems(sources), []);
});

test("a diagram shows where a machine begins, and one arrow for all events that lead the same way", () => {
  const drawn = withDiagrams("<!-- diagram: reaper -->\n<!-- end of diagram -->");
  assert.ok(drawn.includes("  [*] --> waiting\n"));
  assert.ok(drawn.includes("  sweeping --> waiting: HELD_BACK, CHUNK_REAPED\n"));
});
