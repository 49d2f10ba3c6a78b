/** `npm start`: broker, backend, dashboard and one local agent in one supervised process. */
import process from "node:process";
import { dashboardLink } from "../actors/http/server.ts";
import { runProcess } from "./process.ts";
import { serve } from "./serve.ts";

await runProcess(async (settings, log, signal) => {
  const serving = await serve({ settings, log, signal, localAgent: true });
  // A token that was made here has to be told; one of the settings is a secret that its owner knows, and no log should.
  const isTold = process.stdout.isTTY || settings.auth.staticToken === undefined;
  const link = serving.token === null || !isTold
    ? serving.url
    : dashboardLink(serving.url, serving.token);
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
