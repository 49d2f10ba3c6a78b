import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export type Direction = "to the broker" | "from the broker";

/** A wire to a broker that can be cut in the middle of a word. */
export interface BrokerProxy extends AsyncDisposable {
  readonly url: string;
  /**
   * From the first occurrence of this text on, nothing goes through in that direction any more, and nobody is told.
   * Ends when that has happened.
   */
  cutAt(direction: Direction, text: string): Promise<void>;
  /** Everything goes through again; who was cut off in the midst of a word has to connect anew. */
  mend(): void;
}

export async function startProxy(brokerPort: number): Promise<BrokerProxy> {
  const sockets = new Set<Socket>();
  const wires: Record<Direction, Wire> = {
    "to the broker": new Wire(),
    "from the broker": new Wire(),
  };
  const server = createServer((client) => {
    const broker = connect(brokerPort, "127.0.0.1");
    for (
      const [from, to, wire] of [
        [client, broker, wires["to the broker"]],
        [broker, client, wires["from the broker"]],
      ] as const
    ) {
      sockets.add(from);
      const passer = wire.passer();
      from.on("data", (bytes: Buffer) => {
        const passed = passer(bytes);
        if (passed.length > 0) to.write(passed);
      });
      from.on("error", () => to.destroy()); // the other end went away
      from.on("close", () => to.destroy());
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cutAt: (direction, text) => wires[direction].cutAt(text),
    mend() {
      for (const wire of Object.values(wires)) wire.mend();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** One direction, of every connection. */
class Wire {
  #text: string | undefined;
  #cut = false;
  #tell = () => {};

  cutAt(text: string): Promise<void> {
    this.#text = text;
    return new Promise((resolve) => this.#tell = resolve);
  }

  mend(): void {
    this.#text = undefined;
    this.#cut = false;
  }

  /** What passes of the bytes of one connection. A text that is split over two reads is found, too. */
  passer(): (bytes: Buffer) => Buffer {
    let before = "";
    return (bytes) => {
      if (this.#cut) return Buffer.alloc(0);
      const text = bytes.toString("latin1");
      const at = this.#text === undefined ? -1 : (before + text).indexOf(this.#text);
      if (at < 0) {
        before = text.slice(-1 - (this.#text?.length ?? 0));
        return bytes;
      }
      this.#cut = true;
      this.#tell();
      return bytes.subarray(0, Math.max(0, at - before.length));
    };
  }
}
