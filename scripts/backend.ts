/** `npm run backend`: the backend without an agent, for agents on machines of their own. */
import process from "node:process";
import { dashboardLink } from "../actors/http/server.ts";
import { runProcess } from "./process.ts";
import { serve } from "./serve.ts";

await runProcess(async (settings, log, signal) => {
  const serving = await serve({ settings, log, signal, localAgent: false });
  // The link holds a secret: it is shown to a person at a terminal, never written to a log.
  const shown = serving.token === null || !process.stdout.isTTY
    ? serving.url
    : dashboardLink(serving.url, serving.token);
  process.stdout.write(`serving ${shown}, data in ${settings.dataDir}\n`);
  return serving;
});
