import type { Bus } from "../actors/bus.ts";
import type { Time } from "../actors/system/clock.ts";
import { actorsWith } from "../actors/system/definition.ts";
import type { Commands } from "./commands.ts";
import type { Facts } from "./facts.ts";
import type { HeartbeatSource } from "./heartbeat_source.ts";
import type { Link } from "./link.ts";
import type { LiveOutputs } from "./live_output.ts";
import type { Ledger } from "./ledger.ts";
import type { LogTail } from "./log_tail.ts";
import type { Outbox } from "./outbox.ts";
import type { Slots } from "./slots.ts";

/** Who this agent is: what every actor may know. */
export interface Identity {
  readonly pcId: string;
  /** False for the shared credential of a legacy fleet. */
  readonly ownCredential: boolean;
}

interface Granted<G> {
  readonly ask: true;
  readonly grant: G;
}

/** Everything an actor of the agent can ask for. */
export interface AgentCapabilities {
  readonly identity: Granted<Identity>;
  /** Opens the one connection. */
  readonly connect: Granted<(signal: AbortSignal) => Promise<Bus>>;
  readonly link: Granted<Link>;
  readonly commands: Granted<Commands>;
  readonly facts: Granted<Facts>;
  readonly slots: Granted<Slots>;
  readonly ledger: Granted<Ledger>;
  readonly outbox: Granted<Outbox>;
  /** What waits are counted by. */
  readonly time: Granted<Time>;
  readonly heartbeats: Granted<HeartbeatSource>;
  readonly liveOutputs: Granted<LiveOutputs>;
  readonly logTail: Granted<LogTail>;
}

export const defineAgentActor = actorsWith<AgentCapabilities>();
