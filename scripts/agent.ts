/** `npm run agent`: the agent of this machine, until a signal; `… outbox retry` is for a person on that machine. */
import { join } from "node:path";
import process from "node:process";
import * as v from "valibot";
import type { BrokerAccess } from "../actors/bus.ts";
import { readCredentials } from "../actors/credentials.ts";
import { readJsonFile } from "../actors/private_file.ts";
import { createAgent } from "../agent/agent.ts";
import { Fault } from "../wire/fault.ts";
import { key } from "../wire/ids.ts";
import { runOutbox } from "./outbox.ts";
import { runProcess } from "./process.ts";
import type { Settings } from "./settings.ts";
import { feedWatchdog } from "./watchdog.ts";

type Access = BrokerAccess & { readonly ownCredential: boolean };

const Runtime = v.object({ nats: v.string() });

const words = process.argv.slice(2);
// An endpoint has the bundle and no command line.
if (words.length > 0) process.exit(await runOutbox(words, process.env));
await runProcess(async (settings, log) => {
  const agent = createAgent({ ...settings.agent, ...await accessOf(settings), log });
  await agent.start();
  feedWatchdog(process.env, log);
  return agent;
});

/** Where the broker is and how to sign in: as the settings say, else as `npm start` on this machine left it. */
async function accessOf(settings: Settings): Promise<Access> {
  if (settings.broker.kind === "own") return await localAccess(settings);
  const { kind: _, ...access } = settings.broker;
  // An enrolled PC signs in under its own name; any other user is one that a fleet shares.
  return { ...access, ownCredential: access.user === key(settings.agent.pcId) };
}

async function localAccess({ dataDir, agent, broker }: Settings): Promise<Access> {
  const runtime = await readJsonFile(Runtime, "runtime.json", join(dataDir, "runtime.json"));
  const { nats } = await readCredentials(dataDir);
  const credential = nats?.agent;
  if (runtime === undefined || credential === undefined) {
    throw new Fault(
      "bad_setting",
      `Cannot find a broker: KANADE_NATS_URL is not set and nothing runs in "${dataDir}"`,
    );
  }
  const { user, password } = credential;
  const { caFile } = broker;
  return {
    servers: [runtime.nats],
    user,
    password,
    ownCredential: user === key(agent.pcId),
    ...(caFile === undefined ? {} : { caFile }),
  };
}
