/** What the backend's actors may ask for (ARCHITECTURE.md, "Actors"). The grantors stand in `scripts/compose/grants.ts`. */
import type { Database, Reader } from "../db/client.ts";
import type { Keep } from "../db/retention.ts";
import type { Announcement } from "../wire/announcement.ts";
import type { ConsumerName } from "../wire/streams.ts";
import type { AgentDirectory, ChangedAgent } from "./agent_directory.ts";
import type { Announcer } from "./announcer.ts";
import type { BrokerClock } from "./broker_clock.ts";
import type { BusAccess, BusAsk } from "./bus_access.ts";
import type { CommandSigner } from "./command_signer.ts";
import type { CatchUp } from "./catch_up.ts";
import type { Dispatcher } from "./dispatch_types.ts";
import type { ManifestTimeout } from "./manifest_timeout.ts";
import type { ExecutionRegistry } from "./execution_registry.ts";
import type { HttpServices } from "./http/services.ts";
import type { InventoryIntake } from "./inventory_intake.ts";
import type { MachineSource } from "./inspector/machine_source.ts";
import type { KvAccess, KvAsk } from "./kv_access.ts";
import type { ExecMessages } from "./exec_messages.ts";
import type { Latch } from "./latch.ts";
import type { DecidedInstant, MeasuredBatch } from "./metrics.ts";
import type { OutboxSignal } from "./outbox_signal.ts";
import type { OutsideChanges } from "./outside_changes.ts";
import type { OutputObjects } from "./output_objects.ts";
import type { Projection } from "./projection.ts";
import type { StreamAccess } from "./stream_access.ts";
import { actorsWith } from "./system/definition.ts";
import type { Fleet } from "./targets.ts";
import type { WriterLease } from "./writer_lease.ts";

/** The broker's connection coming and going. */
export interface Connection {
  /** Ends as soon as it is there. @throws the signal's reason */
  connected(signal: AbortSignal): Promise<void>;
  /** Ends as soon as it is not there. @throws the signal's reason */
  lost(signal: AbortSignal): Promise<void>;
}

export interface BackendCapabilities {
  readonly db:
    | { readonly ask: "write"; readonly grant: Database }
    | { readonly ask: "read"; readonly grant: Reader };
  /** Durable consumers, by name. */
  readonly streams: { readonly ask: readonly ConsumerName[]; readonly grant: StreamAccess };
  readonly bus: { readonly ask: BusAsk; readonly grant: BusAccess };
  readonly kv: { readonly ask: KvAsk; readonly grant: KvAccess };
  readonly connection: { readonly ask: true; readonly grant: Connection };
  readonly provision: { readonly ask: true; readonly grant: () => Promise<void> };
  /** Open once streams and consumers were made. */
  readonly provisioned: { readonly ask: true; readonly grant: Latch };
  /** Live executions, only through the write path. */
  readonly projection: { readonly ask: true; readonly grant: Projection };
  /** Where the projection notes the runs that tell facts. */
  readonly inventory: { readonly ask: true; readonly grant: InventoryIntake };
  readonly registry: { readonly ask: true; readonly grant: ExecutionRegistry };
  readonly lease: { readonly ask: true; readonly grant: WriterLease };
  readonly catchUp: { readonly ask: true; readonly grant: CatchUp };
  readonly brokerClock: { readonly ask: true; readonly grant: BrokerClock };
  readonly outbox: { readonly ask: true; readonly grant: OutboxSignal };
  /** Signs commands; null = nobody does here. */
  readonly signer: { readonly ask: true; readonly grant: CommandSigner | null };
  /** Commands that stand in the EXEC stream: to delete one. */
  readonly execMessages: { readonly ask: true; readonly grant: ExecMessages };
  /** Objects of the store `result_output`. */
  readonly outputObjects: { readonly ask: true; readonly grant: OutputObjects };
  readonly manifestTimeout: { readonly ask: true; readonly grant: ManifestTimeout };
  readonly agents: { readonly ask: true; readonly grant: AgentDirectory };
  readonly dispatcher: { readonly ask: true; readonly grant: Dispatcher };
  /** Changes of what lies outside of the database. */
  readonly changes: { readonly ask: true; readonly grant: OutsideChanges };
  /** Who is known, and the members of each group. */
  readonly fleet: { readonly ask: true; readonly grant: Fleet };
  /** The zone of this machine's clock, an IANA name. */
  readonly hostZone: { readonly ask: true; readonly grant: string };
  /** Who listens, and what is told: for who carries it between backends. */
  readonly announcer: { readonly ask: true; readonly grant: Announcer };
  readonly announce: {
    readonly ask: true;
    readonly grant: (announcement: Announcement) => void;
  };
  /** The durables on EXEC by which an agent reads its newest commands. */
  readonly replayConsumers: {
    readonly ask: true;
    readonly grant: (agent: ChangedAgent) => Promise<void>;
  };
  /** Says how the actor is: null = well, else what is wrong. Shown in health and on the pages. */
  readonly health: { readonly ask: true; readonly grant: (problem: string | null) => void };
  /** Counts a projector's batches, or the instants of schedules. */
  readonly measure:
    | { readonly ask: "batches"; readonly grant: (batch: MeasuredBatch) => void }
    | { readonly ask: "instants"; readonly grant: (instant: DecidedInstant) => void };
  /** Live machines to be observed, and where what they do is sent. */
  readonly inspection: { readonly ask: true; readonly grant: Inspection };
  /** How often the reaper sweeps, ms. */
  readonly sweepIntervalMs: { readonly ask: true; readonly grant: number };
  /** How long what is over is kept. */
  readonly keep: { readonly ask: true; readonly grant: Keep };
  /** Serves the API on the address of the settings. */
  readonly http: { readonly ask: true; readonly grant: HttpGrant };
}

export interface Inspection {
  /** Of a receiver: `ws:` or `wss:`. */
  readonly url: string;
  readonly sources: readonly MachineSource[];
}

export interface HttpGrant {
  readonly services: HttpServices;
  readonly hostname: string;
  readonly port: number;
  /** Called once it listens. */
  readonly listening: (url: string) => void;
}

/** Defines an actor of the backend. */
export const defineActor = actorsWith<BackendCapabilities>();
