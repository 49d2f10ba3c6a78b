import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const BENCHMARKS = [
  "project",
  "project-one-each",
  "inspect",
  "inflight",
  "roundtrip",
  "fleet",
  "outbox",
  "idle",
  "search",
  "reads",
];

for (const name of BENCHMARKS) {
  test(`the benchmark ${name} runs and writes its figures`, async () => {
    const directory = await mkdtemp(join(tmpdir(), "kanade-bench-test-"));
    try {
      await runTiny(name, directory);
      const { figures } = JSON.parse(await readFile(join(directory, `${name}.json`), "utf8"));
      assert.ok(figures.length > 0);
      for (const { name, value } of figures) assert.ok(Number.isFinite(value), name);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
}

/** Small enough to measure nothing: that it runs is all. */
async function runTiny(name: string, directory: string): Promise<void> {
  const main = fileURLToPath(new URL("../../scripts/bench/main.ts", import.meta.url));
  await promisify(execFile)(
    process.execPath,
    ["--import", "tsx", main, name, "--tiny", "--out", directory],
    { timeout: 120_000 },
  );
}
