/** The lowest and highest second byte after a lead byte that does not take every continuation (RFC 3629). */
const SECOND_BYTES: ReadonlyMap<number, readonly [lowest: number, highest: number]> = new Map([
  [0xe0, [0xa0, 0xbf]],
  [0xed, [0x80, 0x9f]],
  [0xf0, [0x90, 0xbf]],
  [0xf4, [0x80, 0x8f]],
]);
const LONGEST = 4;

/**
 * How many of the bytes come before a character that only begins in them: so many can be decoded by themselves, and
 * the text of a stream is the same however it was cut.
 */
export function wholeLength(bytes: Uint8Array): number {
  const first = Math.max(0, bytes.length - LONGEST + 1);
  for (let at = bytes.length - 1; at >= first; at -= 1) {
    const byte = bytes[at] ?? 0;
    if (isContinuation(byte)) continue;
    return isBegun(bytes.subarray(at)) ? at : bytes.length;
  }
  return bytes.length;
}

/**
 * A text without the signs at its end that stand for bytes which were no text. Step by step: a pattern would begin anew at
 * each of a hundred thousand of them, and hold up everybody for half a minute.
 */
export function withoutLossyEnd(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === "\uFFFD") end -= 1;
  return text.slice(0, end);
}

/** Whether these bytes, of which the first is no continuation, are the beginning of one character and not all of it. */
function isBegun(bytes: Uint8Array): boolean {
  const [lead = 0, second] = bytes;
  if (bytes.length >= lengthOf(lead)) return false;
  if (second === undefined) return true;
  const [lowest, highest] = SECOND_BYTES.get(lead) ?? [0x80, 0xbf];
  return second >= lowest && second <= highest;
}

function lengthOf(lead: number): number {
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  return lead >= 0xc2 && lead <= 0xdf ? 2 : 1;
}

function isContinuation(byte: number): boolean {
  return byte >= 0x80 && byte <= 0xbf;
}
