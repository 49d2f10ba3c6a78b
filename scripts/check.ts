/**
 * `npm run check`: everything that must hold before a change lands, the tests last.
 * `npm run check imports documents` does only what is named.
 */
import { documentProblems } from "./check/documents.ts";
import { hygieneProblems, readTracked } from "./check/hygiene.ts";
import { importProblems } from "./check/imports.ts";
import { machineFileProblems } from "./check/machine_files.ts";
import { purityProblems } from "./check/purity.ts";
import { readSources, type Source } from "./check/sources.ts";
import { command, type Step } from "./check/step.ts";
import { runTests } from "./test.ts";

const BIN = "node_modules/.bin";
const TESTS = "tests";

/** A step over the sources, which are read when it runs. */
function overSources(
  name: string,
  find: (sources: readonly Source[]) => readonly string[] | Promise<readonly string[]>,
): Step {
  return { name, run: async () => find(await readSources()) };
}

const STEPS: readonly Step[] = [
  command("format", `${BIN}/deno`, ["fmt", "--check"]),
  command("lint", `${BIN}/oxlint`, ["--type-aware", "--deny-warnings", "--format=unix"]),
  command("types", `${BIN}/tsc`, ["--noEmit"]),
  overSources("imports", importProblems),
  overSources("purity", purityProblems),
  overSources("machines", machineFileProblems),
  overSources("documents", documentProblems),
  { name: "hygiene", run: async () => hygieneProblems(await readTracked()) },
  command("deno-types", `${BIN}/deno`, ["check", "--quiet", "wire", "machines"]),
  // Without any permission. The yaml package looks at two variables of its own debugging: they read as unset.
  command("deno-pure", `${BIN}/deno`, [
    "test",
    "--reporter=dot",
    "--no-prompt",
    "--no-check",
    "--ignore-env=LOG_TOKENS,LOG_STREAM,KANADE_TEST_SEED",
    "test/pure",
  ]),
];

async function main(names: readonly string[]): Promise<number> {
  const unknown = names.filter((name) =>
    name !== TESTS && !STEPS.some((step) => step.name === name)
  );
  if (unknown.length > 0) {
    const known = [...STEPS.map(({ name }) => name), TESTS].join(", ");
    console.error(`Cannot check ${unknown.join(", ")}: there is ${known}`);
    return 2;
  }
  const chosen = (name: string) => names.length === 0 || names.includes(name);
  let failed = 0;
  for (const step of STEPS.filter(({ name }) => chosen(name))) {
    if (!await passes(step)) failed += 1;
  }
  if (failed > 0) {
    console.error(`${failed} of the checks failed`);
    return 1;
  }
  return chosen(TESTS) ? runTests([]) : 0;
}

async function passes(step: Step): Promise<boolean> {
  const startedAt = performance.now();
  const problems = await step.run();
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.log(`${problems.length === 0 ? "ok" : "FAILED"}  ${step.name}  ${seconds} s`);
  for (const problem of problems) console.log(`    ${problem}`);
  return problems.length === 0;
}

process.exitCode = await main(process.argv.slice(2));
