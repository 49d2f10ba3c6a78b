import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { clearPrivateTemps, writePrivateFile } from "../../actors/private_file.ts";

test("what a killed process left half-written of a secret goes away, and nothing else does", async () => {
  const directory = await mkdtemp(join(tmpdir(), "kanade-private-"));
  try {
    const [old, young] = ["a.json.0123456789ab.tmp", "a.json.ba9876543210.tmp"];
    for (const name of [old, young, "theirs.tmp"]) await writeFile(join(directory, name), "half");
    const longAgo = new Date(Date.now() - 120_000);
    for (const name of [old, "theirs.tmp"]) await utimes(join(directory, name), longAgo, longAgo);
    await writePrivateFile(join(directory, "a.json"), "whole");
    await clearPrivateTemps(directory);
    assert.deepEqual((await readdir(directory)).toSorted(), ["a.json", young, "theirs.tmp"]);
    assert.equal(await readFile(join(directory, "a.json"), "utf8"), "whole");
    assert.equal((await stat(join(directory, "a.json"))).mode & 0o777, 0o600);
    await clearPrivateTemps(join(directory, "not-there"));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
