import { join } from "node:path";
import * as v from "valibot";
import type { BrokerAccess } from "../../actors/bus.ts";
import { readCredentials } from "../../actors/credentials.ts";
import { readJsonFile } from "../../actors/private_file.ts";
import { Fault } from "../../wire/fault.ts";
import type { Settings } from "../settings.ts";

const Runtime = v.object({ nats: v.string() });

/**
 * A broker and a credential that all agents share: as the settings say, else our own broker's, as its backend.
 *
 * @param server in place of the broker of the settings
 * @throws {Fault} `bad_setting` when there is none
 */
export async function sharedAccess(
  settings: Settings,
  server: string | undefined,
): Promise<BrokerAccess> {
  if (settings.broker.kind === "given") {
    const { kind: _, ...access } = settings.broker;
    return server === undefined ? access : { ...access, servers: [server] };
  }
  const { nats } = await readCredentials(settings.dataDir);
  const runtime = await readJsonFile(
    Runtime,
    "runtime.json",
    join(settings.dataDir, "runtime.json"),
  );
  const url = server ?? runtime?.nats;
  if (url === undefined) {
    throw new Fault(
      "bad_setting",
      `Cannot find a broker: neither --server nor KANADE_NATS_URL is given, and nothing runs in "${settings.dataDir}"`,
    );
  }
  // Another broker than the one of the data directory gets none of its credentials.
  if (url !== runtime?.nats) return { servers: [url] };
  const { caFile } = settings.broker;
  return { servers: [url], ...nats?.backend, ...(caFile === undefined ? {} : { caFile }) };
}
