/** A way to the broker that can be slow, and can break: a TCP relay of one agent. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export interface RelayTarget {
  readonly host: string;
  readonly port: number;
}

export class Relay implements AsyncDisposable {
  readonly #target: RelayTarget;
  readonly #latencyMs: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isBroken = false;

  private constructor(target: RelayTarget, latencyMs: number) {
    this.#target = target;
    this.#latencyMs = latencyMs;
    this.#server = createServer({ noDelay: true }, (socket) => this.#relay(socket));
  }

  /** Listens on a free port of loopback. @param latencyMs added to each way */
  static async open(target: RelayTarget, latencyMs: number): Promise<Relay> {
    const relay = new Relay(target, latencyMs);
    relay.#server.listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    return relay;
  }

  get url(): string {
    return `nats://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Breaks what is connected, and lets nobody through until `mend`. */
  break(): void {
    this.#isBroken = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isBroken = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.break();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }

  #relay(socket: Socket): void {
    if (this.#isBroken) return void socket.destroy();
    const upstream = connect({ ...this.#target, noDelay: true });
    for (const [from, to] of [[socket, upstream], [upstream, socket]] as const) {
      this.#sockets.add(from);
      from.on("data", (chunk) => this.#pass(chunk, to));
      // What broke is told by `close`, which comes next.
      from.on("error", () => undefined);
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  /** Timers of one length fire in the order in which they were set, so the bytes keep theirs. */
  #pass(chunk: Buffer, to: Socket): void {
    const write = () => void (to.destroyed || to.write(chunk));
    if (this.#latencyMs === 0) write();
    else setTimeout(write, this.#latencyMs);
  }
}
