/** JSON of very long lists, made a part at a time: while the next one is read, others get their turn. */
import { jsonBytes, type JsonResponse } from "./route.ts";

/** JSON that is made already, and what is in it for the compiler to hold against a route's schema. */
export interface MadeJson<Value> {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly holds?: Value;
}

/** The list that the parts are of. */
export async function jsonOfParts<Item>(
  parts: AsyncIterable<readonly Item[]>,
): Promise<MadeJson<readonly Item[]>> {
  const pieces: Uint8Array[] = [];
  for await (const part of parts) {
    if (part.length === 0) continue;
    const items = JSON.stringify(part).slice(1, -1);
    pieces.push(Buffer.from(pieces.length === 0 ? items : `,${items}`));
  }
  return { bytes: Buffer.concat([Buffer.from("["), ...pieces, Buffer.from("]")]) };
}

/** An answer that is a list. */
export function madeJson<Value>({ bytes }: MadeJson<Value>): JsonResponse<Value> {
  return jsonBytes(bytes);
}

/** An answer with a member that is a long list; the others, at least one, are not. */
export function jsonWith<const Others extends object, Name extends string, Value>(
  others: Others,
  name: Name,
  { bytes }: MadeJson<Value>,
): JsonResponse<Others & Readonly<Record<Name, Value>>> {
  const head = `${JSON.stringify(others).slice(0, -1)},${JSON.stringify(name)}:`;
  return jsonBytes(Buffer.concat([Buffer.from(head), bytes, Buffer.from("}")]));
}
