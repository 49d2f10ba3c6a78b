/**
 * `prepack`: the agent as one module with types, for `import … from "kanade-actors/agent"`. It is built because Node
 * strips types nowhere under node_modules; its dependencies stay what they are, installed beside it.
 */
import { execFileSync } from "node:child_process";
import { rm } from "node:fs/promises";
import { build } from "esbuild";

// The single-file agent may lie there, too.
for (const made of ["dist/agent.mjs", "dist/agent.mjs.map", "dist/types"]) {
  await rm(made, { recursive: true, force: true });
}
await build({
  entryPoints: ["agent/agent.ts"],
  outfile: "dist/agent.mjs",
  bundle: true,
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20.12",
  sourcemap: true,
  sourcesContent: false,
  logLevel: "warning",
});
execFileSync("node_modules/.bin/tsc", ["--project", "tsconfig.agent.json"], { stdio: "inherit" });
