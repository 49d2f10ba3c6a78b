/** A host process of one embedded agent, to be killed: `node agent_main.ts '{"pcId": …}'`. Says "ready" on a line. */
import { type AgentOptions, createAgent } from "../../agent/agent.ts";

const agent = createAgent(JSON.parse(process.argv[2] ?? "{}") as AgentOptions);
await agent.start();
console.log("ready");
