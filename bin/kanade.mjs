#!/usr/bin/env node
// The sources are TypeScript, also where they are installed under node_modules: tsx reads them for Node.
if (!("Deno" in globalThis)) {
  const { register } = await import("tsx/esm/api");
  register({ tsconfig: false });
}
const { main } = await import("../scripts/kanade.ts");
process.exitCode = await main(process.argv.slice(2));
