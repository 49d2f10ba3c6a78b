/** A process full of embedded agents. Its argument is JSON; it says `ready` when all of them are at work. */
import { join } from "node:path";
import process from "node:process";
import * as v from "valibot";
import { createAgent } from "../../agent/agent.ts";

const Options = v.object({ agents: v.number(), server: v.string(), dataDir: v.string() });

const { agents, server, dataDir } = v.parse(Options, JSON.parse(process.argv[2] ?? "{}"));
const fleet = Array.from({ length: agents }, (_, n) =>
  createAgent({
    pcId: `bench-${n}`,
    servers: [server],
    dataDir: join(dataDir, `agent-${n}`),
    stopGraceMs: 0,
    // A thousand endpoints do not start their shells on one machine.
    handlers: { "*": () => 0 },
  }));
await Promise.all(fleet.map((agent) => agent.start()));
process.stdout.write("ready\n");
process.once("SIGTERM", () => {
  void Promise.all(fleet.map((agent) => agent.stop())).then(() => process.exit(0));
});
