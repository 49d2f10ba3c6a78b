/** `npm run bench [name…] [-- --tiny] [-- --rounds 1]`: runs benchmarks, prints a table each and writes `.bench/<name>.json`. */
import { mkdir, writeFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { inflight } from "./inflight.ts";
import { project, projectOneEach } from "./project.ts";
import type { Benchmark } from "./report.ts";
import { roundtrip } from "./roundtrip.ts";

const BENCHMARKS: readonly Benchmark[] = [project, projectOneEach, inflight, roundtrip];

const { values, positionals } = parseArgs({
  options: {
    tiny: { type: "boolean", default: false },
    /** Of those that compare: less than five are for a quick look. */
    rounds: { type: "string", default: "5" },
  },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !BENCHMARKS.some((one) => one.name === name));
if (unknown.length > 0) {
  const known = BENCHMARKS.map((one) => one.name).join(", ");
  process.stderr.write(`Cannot run ${unknown.join(", ")}: the benchmarks are ${known}\n`);
  process.exit(2);
}

const machine = { cores: availableParallelism(), node: process.version, load: loadavg() };
process.stdout.write(`${JSON.stringify(machine)}\n`);
await mkdir(".bench", { recursive: true });
for (const benchmark of BENCHMARKS) {
  if (positionals.length > 0 && !positionals.includes(benchmark.name)) continue;
  process.stdout.write(`\n${benchmark.name}: ${benchmark.compares}\n`);
  const figures = await benchmark.run({
    tiny: values.tiny,
    rounds: Number(values.rounds),
    say: (line) => void process.stdout.write(`${line}\n`),
  });
  await writeFile(`.bench/${benchmark.name}.json`, JSON.stringify({ machine, figures }, null, 2));
}
