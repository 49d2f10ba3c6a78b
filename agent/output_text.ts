import type { OutputBuffer } from "./output_buffer.ts";

const encoder = new TextEncoder();

/**
 * The text of a finished stream as UTF-8, piece by piece: bytes that are no UTF-8 become U+FFFD, NUL
 * bytes stay, and a line says what was cut (agent.md §1.9).
 */
export function* textPieces(buffer: OutputBuffer): Generator<Uint8Array> {
  yield* lossyPieces(buffer.head());
  if (buffer.droppedBytes === 0) return;
  yield encoder.encode(cutMarker(buffer.droppedBytes));
  yield* lossyPieces(buffer.tail());
}

/** The line that stands where output was dropped. */
export function cutMarker(droppedBytes: number): string {
  return `\n[kanade: ${droppedBytes} bytes of output were dropped here]\n`;
}

/** The whole text when its UTF-8 is at most `maxBytes` long, else undefined. */
export function textWithin(buffer: OutputBuffer, maxBytes: number): string | undefined {
  if (buffer.totalBytes > maxBytes) return undefined;
  // Each byte that is no UTF-8 grows to three, so the length is known only after decoding.
  const pieces = [...textPieces(buffer)];
  if (pieces.reduce((sum, piece) => sum + piece.length, 0) > maxBytes) return undefined;
  return Buffer.concat(pieces).toString("utf8");
}

/** Bytes as text for a person who looks on: lossy, whole characters or U+FFFD. */
export function lossyText(bytes: Uint8Array): string {
  return lossyDecoder().decode(bytes);
}

function* lossyPieces(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  const decoder = lossyDecoder();
  for (const piece of pieces) yield encoder.encode(decoder.decode(piece, { stream: true }));
  yield encoder.encode(decoder.decode());
}

function lossyDecoder(): TextDecoder {
  // A byte order mark is output like any other.
  return new TextDecoder("utf-8", { ignoreBOM: true });
}
