/**
 * `npm run bundle:agent [-- <file>]`: the agent with everything it needs in one file, for endpoints that have Node and
 * nothing else. `node kanade-agent.mjs` does what `npm run agent` does.
 */
import process from "node:process";
import { build } from "esbuild";

/** What CommonJS packages ask for when they are inside of a module. */
const REQUIRE =
  `import { createRequire as kanadeRequire } from "node:module"; const require = kanadeRequire(import.meta.url);`;

const outfile = process.argv[2] ?? "dist/kanade-agent.mjs";
await build({
  entryPoints: ["scripts/agent.ts"],
  outfile,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node20.12",
  banner: { js: `#!/usr/bin/env node\n${REQUIRE}` },
  logLevel: "warning",
});
process.stdout.write(`${outfile}\n`);
