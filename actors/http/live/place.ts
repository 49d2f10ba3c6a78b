import * as v from "valibot";
import { Fault } from "../../../wire/fault.ts";
import { OUTPUT_STREAMS, type OutputStream } from "../../../wire/http_live.ts";

/** How far a viewer is in one stream. */
export interface Place {
  /** Bytes that the script printed and the viewer has as text; always between two characters. */
  raw: number;
  /** UTF-8 bytes of that text: more where the script's were none. */
  text: number;
  /** Tells that text from another one of its length; null when bytes of it are missing. */
  check: number | null;
}

export type Places = Record<OutputStream, Place>;

/** FNV-1a: what was sent on another connection is checked from its last value alone. */
const CHECK_START = 0x811c9dc5;
const CHECK_PRIME = 0x01000193;
/** Checked without letting others have a turn. */
const CHECK_BYTES = 262_144;

export function beginnings(): Places {
  return { stdout: beginning(), stderr: beginning() };
}

export function beginning(): Place {
  return { raw: 0, text: 0, check: CHECK_START };
}

/** Moves a place over bytes that were sent as this text. */
export function moveOver(place: Place, rawBytes: number, text: Uint8Array): void {
  place.raw += rawBytes;
  place.text += text.length;
  if (place.check !== null) place.check = checkFrom(place.check, text);
}

/** Moves a place over bytes that nobody has. What the text's offsets are after them is a guess: one for one. */
export function moveOverGap(place: Place, rawBytes: number): void {
  place.raw += rawBytes;
  place.text += rawBytes;
  place.check = null;
}

/** Whether a text begins with what the viewer has. */
export async function isBeginningOf(place: Place, text: Uint8Array): Promise<boolean> {
  if (place.check === null || place.text > text.length) return false;
  let check = CHECK_START;
  for (let at = 0; at < place.text; at += CHECK_BYTES) {
    check = checkFrom(check, text.subarray(at, Math.min(place.text, at + CHECK_BYTES)));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return check === place.check;
}

function checkFrom(start: number, bytes: Uint8Array): number {
  let check = start;
  for (const byte of bytes) check = Math.imul(check ^ byte, CHECK_PRIME);
  return check >>> 0;
}

/** The id of an event after which a viewer is at these places: by it any backend goes on. */
export function idOf(places: Places): string {
  return OUTPUT_STREAMS.map((stream) => {
    const { raw, text, check } = places[stream];
    return `${raw}.${text}.${check ?? "gap"}`;
  }).join("-");
}

const WholeNumber = v.pipe(v.string(), v.regex(/^\d{1,15}$/), v.transform(Number));
const Check = v.pipe(v.string(), v.regex(/^\d{1,10}$|^gap$/));
const PlaceText = v.strictTuple([WholeNumber, WholeNumber, Check]);

/** The places that such an id stands for. @throws {Fault} `invalid_input` */
export function placesOf(id: string): Places {
  const parts = id.split("-").map((part) => v.safeParse(PlaceText, part.split(".")));
  const [stdout, stderr] = parts.map((part) => (part.success ? placeOf(part.output) : undefined));
  if (parts.length === 2 && stdout !== undefined && stderr !== undefined) return { stdout, stderr };
  throw new Fault(
    "invalid_input",
    `Cannot go on after ${JSON.stringify(id)}: Last-Event-ID is no id of this stream`,
    { details: { path: "Last-Event-ID" } },
  );
}

function placeOf([raw, text, check]: v.InferOutput<typeof PlaceText>): Place {
  return { raw, text, check: check === "gap" ? null : Number(check) };
}
