/** The index of outputs follows the rows, whatever becomes of them. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readIndexWork } from "../../db/output_index.ts";
import { startApi, type TestApi } from "../harness/http_api.ts";
import { indexed } from "../harness/output_index.ts";
import { settled as settledAtNoon } from "../harness/seed.ts";

/** The start of a minute. */
const NOW = Math.floor(Date.now() / 60_000) * 60_000;

function settled(
  resultId: string,
  end: { stdout?: string; stderr?: string; gzip?: boolean },
  columns: { started_at?: number } = {},
) {
  return settledAtNoon(resultId, end, { started_at: NOW, recorded_at: NOW, ...columns });
}

let api: TestApi;
before(async () => {
  api = await startApi({ actors: true });
});
after(() => api[Symbol.asyncDispose]());

/** The runs that the index knows to hold these three characters, in the order of a list. */
async function holding(triple: string): Promise<string[]> {
  const rows = await api.db.query(
    `SELECT i.result_id FROM output_index AS f JOIN indexed_outputs AS i ON i.place = f.rowid
      WHERE f.output_index MATCH ? ORDER BY f.rowid DESC`,
    [`"${triple.replaceAll('"', '""')}"`],
  );
  return rows.map((row) => String(row["result_id"]));
}

async function rowOf(resultId: string) {
  const [row] = await api.db.query(
    "SELECT hex(hash) AS hash, whole FROM indexed_outputs WHERE result_id = ?",
    [resultId],
  );
  return row;
}

test("an output is indexed soon after it is written, newer minutes after older ones", async () => {
  await api.write(
    ...settled("late", { stdout: "qqa" }, { started_at: NOW + 120_000 }),
    ...settled("early", { stdout: "qqa" }, { started_at: NOW }),
    ...settled("middle", { stderr: "qqa" }, { started_at: NOW + 60_000 }),
  );
  await indexed(api.db);
  assert.deepEqual(await holding("qqa"), ["late", "middle", "early"]);
});

test("packed output, upper case, NUL bytes and what is not ASCII are in the index", async () => {
  await api.write(
    ...settled("packed", { stdout: `${"x".repeat(5_000)}qqb`, gzip: true }),
    ...settled("upper", { stdout: "QQB" }),
    ...settled("behind-nul", { stdout: "a\0qqb" }),
    ...settled("kelvin", { stdout: "\u212Aqb and 火山灰" }),
  );
  await indexed(api.db);
  assert.deepEqual((await holding("qqb")).sort(), ["behind-nul", "packed", "upper"]);
  assert.deepEqual(await holding("kqb"), ["kelvin"]);
  assert.deepEqual(await holding("火山灰"), ["kelvin"]);
  assert.deepEqual(await holding("a\u0001q"), ["behind-nul"]);
});

test("of a long output every three characters are in the index", async () => {
  const words = Array.from({ length: 3_000 }, (_, n) => `word${n} \u{1F600}${n} `);
  await api.write(...settled("long", { stdout: `${words.join("")}\nthe end`, gzip: true }));
  await indexed(api.db);
  for (const triple of ["wor", "d29", "999", "\u{1F600}29", " \u{1F600}1", "\nth", "end"]) {
    assert.ok((await holding(triple)).includes("long"), triple);
  }
  assert.equal((await rowOf("long"))?.["whole"], 1);
});

test("an output with too much different text is known to be read by every search", async () => {
  const noise = Array.from({ length: 60_000 }, (_, n) => String.fromCharCode(0x4e00 + n % 20_000))
    .map((char, n) => `${char}${n}`).join("");
  await api.write(...settled("noise", { stdout: noise, gzip: true }));
  await indexed(api.db);
  assert.equal((await rowOf("noise"))?.["whole"], 0);
});

test("equal outputs have one hash, packed or not, and stdout is not taken for stderr", async () => {
  await api.write(
    ...settled("same-1", { stdout: "same", stderr: "too" }),
    ...settled("same-2", { stdout: "same", stderr: "too", gzip: true }),
    ...settled("other", { stdout: "sam", stderr: "etoo" }),
  );
  await indexed(api.db);
  const [one, two, other] = await Promise.all(["same-1", "same-2", "other"].map(rowOf));
  assert.deepEqual(one, two);
  assert.notDeepEqual(one, other);
});

test("an output that is replaced is indexed again, and its old text is forgotten", async () => {
  await api.write(...settled("replaced", { stdout: "qqc old" }));
  await indexed(api.db);
  const before = await rowOf("replaced");
  await api.write(...["qqc newer", "qqd new"].map((text) => ({
    sql: "UPDATE run_outputs SET stdout = ? WHERE result_id = 'replaced'",
    args: [new TextEncoder().encode(text)],
  })));
  await indexed(api.db);
  assert.deepEqual([await holding("qqc"), await holding("qqd")], [[], ["replaced"]]);
  assert.notDeepEqual(await rowOf("replaced"), before);
});

test("a settled run that turns out to have started at another time is indexed there", async () => {
  await api.write(
    ...settled("still", { stdout: "qqe" }),
    ...settled("moved", { stdout: "qqe" }, { started_at: NOW - 600_000 }),
  );
  await indexed(api.db);
  assert.deepEqual(await holding("qqe"), ["still", "moved"]);
  await api.write({
    sql: "UPDATE execution_results SET started_at = ? WHERE result_id = 'moved'",
    args: [NOW + 600_000],
  });
  await indexed(api.db);
  assert.deepEqual(await holding("qqe"), ["moved", "still"]);
});

test("a deleted output leaves the index, and its place may be another's", async () => {
  await api.write(...settled("deleted", { stdout: "qqf" }, { started_at: NOW + 86_400_000 }));
  await indexed(api.db);
  await api.write({ sql: "DELETE FROM run_outputs WHERE result_id = 'deleted'" });
  await api.write(...settled("next", { stdout: "qqg" }, { started_at: NOW + 86_400_000 }));
  await indexed(api.db);
  assert.deepEqual([await holding("qqf"), await holding("qqg")], [[], ["next"]]);
});

test("thousands of outputs are indexed batch after batch", async () => {
  await api.write(
    {
      sql: `INSERT INTO execution_results (result_id, request_id, pc_id, outcome, exit_code,
          finished_at, started_at, recorded_at, stdout_bytes)
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4999)
        SELECT printf('bulk-%05d', i), 'r', 'pc', 'succeeded', 0, 0, ? + i * 1000, 0, 10 FROM n`,
      args: [NOW],
    },
    {
      sql: `INSERT INTO run_outputs (result_id, stdout)
        SELECT result_id, CAST('qqh ' || result_id AS BLOB) FROM execution_results
        WHERE result_id LIKE 'bulk-%'`,
    },
  );
  assert.equal((await readIndexWork(api.db)).written, true);
  await indexed(api.db);
  const found = await holding("qqh");
  assert.equal(found.length, 5_000);
  assert.equal(new Set(found).size, 5_000);
});
