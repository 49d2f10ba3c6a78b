/**
 * A process with several agents embedded, to be killed: `node storm_agents.ts '[{"pcId": …}, …]'`. Says "ready" on a
 * line when all of them are at work; stops them in order at SIGTERM.
 */
import { createLog } from "../../actors/log.ts";
import { type AgentOptions, createAgent } from "../../agent/agent.ts";

const options = JSON.parse(process.argv[2] ?? "[]") as readonly AgentOptions[];
const log = createLog({ level: "info", pretty: false });
const agents = options.map((one) => createAgent({ ...one, log }));
process.once("SIGTERM", () => {
  void Promise.all(agents.map((agent) => agent.stop())).then(() => process.exit(0));
});
await Promise.all(agents.map((agent) => agent.start()));
console.log("ready");
