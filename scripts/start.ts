/** `npm start`: broker, backend, dashboard and one local agent in one supervised process. */
import process from "node:process";
import { dashboardLink } from "../actors/http/server.ts";
import { runProcess } from "./process.ts";
import { serve } from "./serve.ts";

await runProcess(async (settings, log, signal) => {
  const serving = await serve({ settings, log, signal, localAgent: true });
  const link = serving.token === null ? serving.url : dashboardLink(serving.url, serving.token);
  process.stdout.write(
    [
      "",
      `  dashboard   ${link}`,
      `  data        ${settings.dataDir}`,
      `  try         npx kanade run ${settings.agent.pcId} -- 'echo hello'`,
      "",
      "",
    ].join("\n"),
  );
  return serving;
});
