import { open } from "node:fs/promises";
import type { Piecewise } from "../actors/bus_objects.ts";

/**
 * A file, open until whoever asked for it disposes of it. Every piece lies in one buffer, so that a large file leaves
 * nothing to collect.
 *
 * @throws the system's error; see `isMissing`
 */
export async function openPiecewise(path: string): Promise<Piecewise & AsyncDisposable> {
  const file = await open(path, "r");
  const { size } = await file.stat();
  let buffer = new Uint8Array(0);
  return {
    bytes: size,
    async read(offset, length) {
      const wanted = Math.max(0, Math.min(length, size - offset));
      if (buffer.length < wanted) buffer = new Uint8Array(wanted);
      for (let at = 0; at < wanted;) {
        const { bytesRead } = await file.read(buffer, at, wanted - at, offset + at);
        if (bytesRead === 0) throw new Error(`Cannot read "${path}": it became shorter`);
        at += bytesRead;
      }
      return buffer.subarray(0, wanted);
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}
