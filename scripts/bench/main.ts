/** `npm run bench [name…] [-- --tiny] [-- --rounds 1]`: runs benchmarks, prints a table each and writes `.bench/<name>.json`. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { keepHeapSmall } from "../heap.ts";
import { fleet } from "./fleet.ts";
import { idle } from "./idle.ts";
import { inflight } from "./inflight.ts";
import { inspect } from "./inspect.ts";
import { machineFacts, watchOthers } from "./machine.ts";
import { outbox } from "./outbox.ts";
import { project, projectOneEach } from "./project.ts";
import { reads } from "./reads.ts";
import type { Benchmark } from "./report.ts";
import { roundtrip } from "./roundtrip.ts";
import { search } from "./search.ts";

const BENCHMARKS: readonly Benchmark[] = [
  project,
  projectOneEach,
  inspect,
  inflight,
  roundtrip,
  fleet,
  outbox,
  idle,
  search,
  reads,
];

const { values, positionals } = parseArgs({
  options: {
    tiny: { type: "boolean", default: false },
    /** Of those that compare: less than five are for a quick look. */
    rounds: { type: "string", default: "5" },
    out: { type: "string", default: ".bench" },
  },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !BENCHMARKS.some((one) => one.name === name));
if (unknown.length > 0) {
  const known = BENCHMARKS.map((one) => one.name).join(", ");
  process.stderr.write(`Cannot run ${unknown.join(", ")}: the benchmarks are ${known}\n`);
  process.exit(2);
}

// Some measure parts of the product in this process.
keepHeapSmall();
await mkdir(values.out, { recursive: true });
for (const benchmark of BENCHMARKS) {
  if (positionals.length > 0 && !positionals.includes(benchmark.name)) continue;
  const machine = machineFacts();
  say(`\n${benchmark.name}: ${benchmark.compares}\n${JSON.stringify(machine)}`);
  const others = await watchOthers();
  const figures = await benchmark.run({ tiny: values.tiny, rounds: Number(values.rounds), say });
  const othersShare = await others();
  say(`(meanwhile others used ${Math.round(othersShare * 100)} % of the machine)`);
  const record = { machine: { ...machine, othersShare }, figures };
  await writeFile(join(values.out, `${benchmark.name}.json`), JSON.stringify(record, null, 2));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
