/**
 * An agent inside a program of your own, with a job that is code instead of a script:
 *
 *   KANADE_NATS_URL=nats://127.0.0.1:4222 KANADE_PC_ID=till-17 node --import tsx scripts/example_embedded_agent.ts
 *
 * A job with the id "disk-free" then runs `diskFree` here; every other job runs its script, as on any other endpoint.
 * In a project of yours, import from "kanade-actors/agent".
 */
import { statfs } from "node:fs/promises";
import { once } from "node:events";
import process from "node:process";
import { createAgent, type JobHandler } from "../agent/agent.ts";

/** Tells how much room there is, and fails when it is too little. */
const diskFree: JobHandler = async (_command, { stdout, stderr, signal }) => {
  const { bavail, blocks } = await statfs("/");
  // Somebody may have killed the run meanwhile; what is thrown then is not shown.
  signal.throwIfAborted();
  const freePercent = Math.round(bavail / blocks * 100);
  stdout.write(`${JSON.stringify({ free_percent: freePercent })}\n`);
  if (freePercent >= 1) return 0;
  stderr.write("the disk is full\n");
  return 1;
};

await using agent = createAgent({
  pcId: process.env["KANADE_PC_ID"] ?? "till-17",
  servers: [process.env["KANADE_NATS_URL"] ?? "nats://127.0.0.1:4222"],
  ...(process.env["KANADE_NATS_USER"] === undefined
    ? {}
    : { user: process.env["KANADE_NATS_USER"] }),
  ...(process.env["KANADE_NATS_PASSWORD"] === undefined
    ? {}
    : { password: process.env["KANADE_NATS_PASSWORD"] }),
  dataDir: process.env["KANADE_AGENT_DATA_DIR"] ?? "./data/till-17",
  handlers: { "disk-free": diskFree },
});
await agent.start();
process.stdout.write(`agent ${agent.pcId} is at work; Ctrl-C stops it\n`);

// Until somebody stops it, or it gives itself up. Leaving this module stops the agent in order.
const asked = new AbortController();
const ask = () => asked.abort();
process.on("SIGINT", ask).on("SIGTERM", ask);
await Promise.race([
  once(asked.signal, "abort"),
  agent.failed.then((error) => {
    process.exitCode = 1;
    process.stderr.write(`${error.message}\n`);
  }),
]);
process.off("SIGINT", ask).off("SIGTERM", ask);
