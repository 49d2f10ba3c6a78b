import { open } from "node:fs/promises";
import type { Piecewise } from "../actors/bus_objects.ts";

/** A file, open until whoever asked for it disposes of it. @throws the system's error; see `isMissing` */
export async function openPiecewise(path: string): Promise<Piecewise & AsyncDisposable> {
  const file = await open(path, "r");
  const { size } = await file.stat();
  return {
    bytes: size,
    async read(offset, length) {
      const buffer = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      for (let at = 0; at < buffer.length;) {
        const { bytesRead } = await file.read(buffer, at, buffer.length - at, offset + at);
        if (bytesRead === 0) throw new Error(`Cannot read "${path}": it became shorter`);
        at += bytesRead;
      }
      return buffer;
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}
