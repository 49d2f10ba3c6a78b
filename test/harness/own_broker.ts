import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Broker, brokerActor, prepareBroker } from "../../actors/broker.ts";
import { type Bus, connectBus } from "../../actors/bus.ts";
import { startSystem, type System } from "../../actors/system/supervisor.ts";
import { testLog } from "./log.ts";
import { within } from "./wait.ts";

/** The product's own broker, supervised, on a free port and in a directory of its own. */
export interface OwnBroker extends AsyncDisposable {
  readonly broker: Broker;
  readonly system: System;
  readonly dataDir: string;
  readonly lines: readonly Record<string, unknown>[];
  /** A connection as the user that may do everything. */
  connect(): Promise<Bus>;
}

/** Ends when it takes connections. @param dataDir of an earlier run; a temporary one unless given */
export async function startOwnBroker(dataDir?: string): Promise<OwnBroker> {
  const directory = dataDir ?? await mkdtemp(join(tmpdir(), "kanade-data-"));
  const { log, lines } = testLog();
  const broker = await prepareBroker({ dataDir: directory, port: 0, log });
  const system = startSystem({ name: "test", actors: [brokerActor(broker)], grantors: {}, log });
  await within("the broker", system.ready);
  return {
    broker,
    system,
    lines,
    dataDir: directory,
    connect: () =>
      connectBus(
        { servers: [broker.url], ...broker.backend, name: "backend", log },
        new AbortController().signal,
      ),
    async [Symbol.asyncDispose]() {
      await system.stop();
      if (dataDir === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}
