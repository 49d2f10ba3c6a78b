/**
 * Sends what live machines do to Stately's inspector, by its own protocol, over a WebSocket (`KANADE_INSPECT`).
 *
 * 1. Machines are observed only while a receiver is connected.
 * 2. Beyond what a receiver or an eye can follow it is a sample, and the log says so.
 * 3. Nothing that goes wrong here is felt by a machine.
 */
import { createInspector } from "@statelyai/inspect";
import { WebSocket } from "ws";
import { messageOf } from "../wire/fault.ts";
import { defineActor, type Inspection } from "./backend.ts";
import { harmless } from "./inspector/machine_source.ts";
import type { Log } from "./log.ts";
import type { MachineMove } from "./machine_move.ts";
import { type Clock, rest } from "./system/clock.ts";

/** Events that are sent in one second. */
const EVENTS_PER_SECOND = 500;
/** Sent, and not taken by the receiver: beyond it events are left out, bytes. */
const MAX_WAITING_BYTES = 1_048_576;
const RETRY_MS = 5_000;
const CONNECT_WITHIN_MS = 10_000;
/** That it samples is said no more often than this, milliseconds. */
const SAY_EVERY_MS = 60_000;

export const statelySender = defineActor({
  name: "stately_sender",
  permissions: { inspection: true, health: true },
  handles: "events",
  run: async ({ inspection, health, clock, log, signal, ready, handled }) => {
    ready();
    while (!signal.aborted) {
      try {
        await using receiver = await connect(inspection.url, signal);
        health(null);
        log.info("inspection is sent", { to: new URL(inspection.url).host });
        await send(inspection, receiver.socket, { clock, log, handled });
      } catch (thrown) {
        if (signal.aborted) break;
        health(messageOf(thrown));
      }
      await rest(RETRY_MS, signal);
    }
  },
});

interface Receiver extends AsyncDisposable {
  readonly socket: WebSocket;
}

/** @throws why nobody receives there; the signal's reason */
async function connect(url: string, signal: AbortSignal): Promise<Receiver> {
  signal.throwIfAborted();
  const socket = new WebSocket(url, { handshakeTimeout: CONNECT_WITHIN_MS });
  const end = () => socket.terminate();
  signal.addEventListener("abort", end, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
  } catch (cause) {
    signal.removeEventListener("abort", end);
    throw new Error(`nobody receives inspection at ${new URL(url).host}`, { cause });
  }
  return {
    socket,
    [Symbol.asyncDispose]: async () => {
      signal.removeEventListener("abort", end);
      socket.terminate();
    },
  };
}

interface Tools {
  readonly clock: Clock;
  readonly log: Log;
  readonly handled: () => void;
}

/** Sends until the receiver goes away. */
async function send({ sources }: Inspection, socket: WebSocket, tools: Tools): Promise<void> {
  const stream = new SampledStream(socket, tools);
  const observer = harmless((move) => stream.take(move), tools.log);
  const stops = sources.map((source) => source.watch(observer));
  try {
    await new Promise<void>((resolve) => {
      socket.once("close", () => resolve());
      socket.once("error", () => resolve());
    });
  } finally {
    for (const stop of stops) stop();
  }
}

class SampledStream {
  readonly #socket: WebSocket;
  readonly #tools: Tools;
  readonly #inspector;
  /** Machines that the receiver was told of. */
  readonly #known = new WeakSet<object>();
  #second = 0;
  #sent = 0;
  #leftOut = 0;
  #saidAt = -Infinity;

  constructor(socket: WebSocket, tools: Tools) {
    this.#socket = socket;
    this.#tools = tools;
    this.#inspector = createInspector({ send: (event) => this.#write(event) });
  }

  /** An event, and how its machine is after it. */
  take({ actor: actorRef, rootId, event, snapshot }: MachineMove): void {
    if (!this.#mayGo()) return this.#leaveOut();
    const { inspect } = this.#inspector;
    if (!this.#known.has(actorRef)) {
      this.#known.add(actorRef);
      inspect.next?.({ type: "@xstate.actor", actorRef, rootId });
    }
    inspect.next?.({ type: "@xstate.event", actorRef, rootId, event, sourceRef: undefined });
    inspect.next?.({ type: "@xstate.snapshot", actorRef, rootId, event, snapshot });
    this.#tools.handled();
  }

  #mayGo(): boolean {
    const second = Math.floor(this.#tools.clock.now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#sent = 0;
    }
    if (this.#sent >= EVENTS_PER_SECOND) return false;
    this.#sent += 1;
    return this.#socket.bufferedAmount < MAX_WAITING_BYTES;
  }

  #leaveOut(): void {
    this.#leftOut += 1;
    const now = this.#tools.clock.now();
    if (now - this.#saidAt < SAY_EVERY_MS) return;
    this.#saidAt = now;
    this.#tools.log.info("inspection is sampled", { leftOut: this.#leftOut });
  }

  /** Called later, from the event loop: the receiver may have gone by then. */
  #write(event: object): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    try {
      this.#socket.send(JSON.stringify(event));
    } catch (thrown) {
      this.#tools.log.debug("an inspection event cannot be written", { error: messageOf(thrown) });
    }
  }
}
