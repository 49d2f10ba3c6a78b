import {
  connect,
  type ConnectionOptions,
  ErrorCode,
  type JetStreamClient,
  type NatsConnection,
  NatsError,
  type Status,
} from "nats";
import { type Actor, createActor } from "xstate";
import { connectionMachine, RECONNECT_BACKOFF } from "../machines/connection.ts";
import { Fault } from "../wire/fault.ts";
import { PublishAcks } from "./bus_acks.ts";
import type { PublishAck, PublishOptions } from "./bus_acks.ts";
import { busFault } from "./bus_faults.ts";
import { tlsOptionsOf } from "./bus_tls.ts";
import type { Log } from "./log.ts";
import { pause } from "./system/clock.ts";

/** Where a broker is, and what lets us in. */
export interface BrokerAccess {
  /**
   * URLs such as `nats://127.0.0.1:4222`; several are the members of one cluster. One that begins with `tls://` asks for
   * encryption of them all.
   */
  readonly servers: readonly string[];
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /**
   * A PEM file of the authorities that the broker's certificate may come from, and asks for encryption; those of the
   * runtime unless given. It is read for each attempt, so it can be replaced.
   */
  readonly caFile?: string | undefined;
}

export interface BusOptions extends BrokerAccess {
  /** What the broker calls this client in its own log. */
  readonly name: string;
  /** First tokens of every inbox; a fenced agent may only listen below its own. */
  readonly inboxPrefix?: string;
  readonly log: Log;
}

export interface RequestOptions {
  readonly timeoutMs: number;
  /** Where the answer is to come; an inbox of this connection unless given. */
  readonly reply?: string;
}

/** One connection to the broker. It reconnects for ever and never logs a credential. */
export interface Bus extends AsyncDisposable {
  /** For what follows needs more than is here. */
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly connected: boolean;
  /** Calls with each change of `connected`; returns the unsubscribe. */
  onStatus(listener: (connected: boolean) => void): () => void;
  /** At most once: lost when nobody listens or the connection is away. @throws {Fault} `too_large`, `broker_unavailable` (closed) */
  publish(subject: string, body: Uint8Array): void;
  /**
   * Ends when a stream has stored the message. Fails at once while disconnected.
   * @throws {Fault} `timed_out` or `broker_unavailable`: it may or may not be stored; any other code: the message was refused
   */
  publishAcked(subject: string, body: Uint8Array, options?: PublishOptions): Promise<PublishAck>;
  /** @throws {Fault} `timed_out`, `broker_unavailable` (nobody listens there, or no connection), `forbidden` */
  request(
    subject: string,
    body: Uint8Array,
    options: RequestOptions,
  ): Promise<Uint8Array>;
  /** Calls with the body of every message until what it returns is called. */
  listen(subject: string, listener: (body: Uint8Array) => void): () => void;
  /** Ends when the broker has read everything published so far. @throws {Fault} `broker_unavailable` */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Connects, trying until it succeeds or the signal aborts (1 s doubling to 60 s, ±25 %). Later aborts
 * do not touch the connection: who opened the bus closes it.
 *
 * @throws the signal's reason
 */
export async function connectBus(options: BusOptions, signal: AbortSignal): Promise<Bus> {
  const state = createActor(connectionMachine).start();
  const clientOptions = clientOptionsOf(options, state);
  for (;;) {
    signal.throwIfAborted();
    try {
      const bus = new NatsBus(await connect(clientOptions), state, options);
      if (!signal.aborted) return bus;
      await bus.close();
    } catch (thrown) {
      state.send({ type: "ATTEMPT_FAILED", random: Math.random() });
      const { failedAttempts, delayMs } = state.getSnapshot().context;
      options.log.warn("cannot connect to the broker", {
        servers: options.servers.map(withoutCredentials),
        why: whyNot(thrown),
        failedAttempts,
        retryInMs: delayMs,
      });
      await pause(delayMs, signal);
    }
  }
}

type ConnectionActor = Actor<typeof connectionMachine>;

function clientOptionsOf(options: BusOptions, state: ConnectionActor): ConnectionOptions {
  const tls = tlsOptionsOf(options);
  return {
    servers: [...options.servers],
    name: options.name,
    ...(options.user === undefined ? {} : { user: options.user }),
    ...(options.password === undefined ? {} : { pass: options.password }),
    ...(options.token === undefined ? {} : { token: options.token }),
    ...(options.inboxPrefix === undefined ? {} : { inboxPrefix: options.inboxPrefix }),
    ...(tls === undefined ? {} : { tls }),
    timeout: 5_000,
    // Two unanswered pings, 20 s apart: a dead peer is noticed within a minute.
    pingInterval: 20_000,
    maxPingOut: 2,
    maxReconnectAttempts: -1,
    // A credential may be refused for a moment: while the broker's users are reloaded.
    ignoreAuthErrorAbort: true,
    // The client asks in a loop and compares with the time of the last attempt: the answer must not jitter by itself.
    reconnectDelayHandler: () => state.getSnapshot().context.delayMs,
    noAsyncTraces: true,
  };
}

class NatsBus implements Bus {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly #state: ConnectionActor;
  readonly #acks: PublishAcks;
  readonly #log: Log;
  readonly #listeners = new Set<(connected: boolean) => void>();

  constructor(connection: NatsConnection, state: ConnectionActor, options: BusOptions) {
    this.connection = connection;
    this.jetstream = connection.jetstream();
    this.#state = state;
    this.#log = options.log;
    this.#acks = new PublishAcks(connection, options.inboxPrefix);
    state.send({ type: "CONNECTED" });
    void this.#followStatus();
    void connection.closed().then((error) => this.#closed(error));
    this.#log.info("connected to the broker", this.#peer());
  }

  get connected(): boolean {
    return this.#state.getSnapshot().matches("connected");
  }

  onStatus(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  publish(subject: string, body: Uint8Array): void {
    try {
      this.connection.publish(subject, body);
    } catch (thrown) {
      throw busFault(`publish to ${subject}`, thrown);
    }
  }

  async publishAcked(
    subject: string,
    body: Uint8Array,
    options: PublishOptions = {},
  ): Promise<PublishAck> {
    this.#mustBeConnected(`publish to ${subject}`);
    return await this.#acks.publish(subject, body, options);
  }

  async request(
    subject: string,
    body: Uint8Array,
    { timeoutMs: timeout, reply }: RequestOptions,
  ): Promise<Uint8Array> {
    this.#mustBeConnected(`ask ${subject}`);
    try {
      const options = reply === undefined ? { timeout } : { timeout, reply, noMux: true };
      return (await this.connection.request(subject, body, options)).data;
    } catch (thrown) {
      throw busFault(`ask ${subject}`, thrown);
    }
  }

  listen(subject: string, listener: (body: Uint8Array) => void): () => void {
    const subscription = this.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) listener(message.data);
        else this.#log.warn("cannot listen", { subject, error });
      },
    });
    return () => {
      if (!subscription.isClosed()) subscription.unsubscribe();
    };
  }

  async flush(): Promise<void> {
    this.#mustBeConnected("flush");
    try {
      await this.connection.flush();
    } catch (thrown) {
      throw busFault("flush", thrown);
    }
  }

  async close(): Promise<void> {
    await this.connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #followStatus(): Promise<void> {
    for await (const status of this.connection.status()) this.#heard(status);
  }

  #heard(status: Status): void {
    switch (status.type as string) {
      case "disconnect":
        return this.#lost();
      case "reconnecting":
        // Each attempt to come back; the wait counts from it, so a success afterwards starts over.
        return this.#state.send({ type: "ATTEMPT_FAILED", random: Math.random() });
      case "reconnect":
        this.#state.send({ type: "CONNECTED" });
        this.#log.info("connected to the broker again", this.#peer());
        return this.#announce();
      case "error":
        return this.#refused(status);
    }
  }

  #lost(): void {
    if (!this.connected) return;
    this.#state.send({ type: "LOST" });
    this.#acks.lost();
    this.#log.warn("lost the connection to the broker", {
      longestRetryMs: RECONNECT_BACKOFF.longestMs,
    });
    this.#announce();
  }

  #refused(status: Status): void {
    const { permissionContext } = status;
    if (permissionContext === undefined) {
      this.#log.warn("the broker reports an error", { error: status.data });
      return;
    }
    this.#log.warn("the broker does not permit it", { ...permissionContext });
    if (permissionContext.operation === "publish") {
      const error = new NatsError("Permissions Violation", "PERMISSIONS_VIOLATION");
      this.#acks.refused(permissionContext.subject, error);
    }
  }

  #closed(error: Error | void): void {
    const wasConnected = this.connected;
    this.#state.send({ type: "CLOSED" });
    this.#acks.lost();
    if (error) this.#log.error("the connection to the broker ended", { error });
    if (wasConnected) this.#announce();
    this.#listeners.clear();
  }

  #announce(): void {
    const { connected } = this;
    for (const listener of this.#listeners) listener(connected);
  }

  #mustBeConnected(action: string): void {
    if (this.connected) return;
    throw new Fault("broker_unavailable", `Cannot ${action}: not connected to the broker`, {
      retryable: true,
    });
  }

  #peer(): Record<string, unknown> {
    const { version, tls_required, tls_available } = this.connection.info ?? {};
    // nats.js takes up every offer of encryption.
    const encrypted = tls_required === true || tls_available === true;
    return { server: this.connection.getServer(), version, encrypted };
  }
}

/** nats.js: the server lacks what was asked for, of which there is only encryption. */
const UNENCRYPTED: string = ErrorCode.ServerOptionNotAvailable;

/** What the log says of an attempt that failed. */
function whyNot(thrown: unknown): unknown {
  if (!(thrown instanceof NatsError)) return thrown;
  return thrown.code === UNENCRYPTED ? "it does not offer TLS" : thrown.code;
}

/** `nats://user:secret@host:4222` without what stands before the @. */
function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//");
}
