import type { Reader, Statement } from "./client.ts";
import { numberOf, textOf } from "./rows.ts";

/** How far a projector has committed its stream, without a gap (execution-semantics.md §6). */
export interface ProjectorPosition {
  readonly consumer: string;
  readonly stream: string;
  /** Ms since the epoch; a stream that was made anew starts its sequences again. */
  readonly streamCreatedAt: number;
  readonly lastSequence: number;
}

/** The position of a consumer's projector; undefined in a new database. */
export async function readPosition(
  reader: Reader,
  consumer: string,
): Promise<ProjectorPosition | undefined> {
  const [row] = await reader.query(
    "SELECT stream, stream_created_at, last_sequence FROM projector_positions WHERE consumer = ?",
    [consumer],
  );
  if (row === undefined) return undefined;
  return {
    consumer,
    stream: textOf(row, "stream"),
    streamCreatedAt: numberOf(row, "stream_created_at"),
    lastSequence: numberOf(row, "last_sequence"),
  };
}

/** Writes a position, in the transaction of what it speaks of. */
export function savePosition(position: ProjectorPosition): Statement {
  return {
    sql:
      `INSERT INTO projector_positions (consumer, stream, stream_created_at, last_sequence) VALUES (?, ?, ?, ?)
      ON CONFLICT (consumer) DO UPDATE SET stream = excluded.stream,
        stream_created_at = excluded.stream_created_at, last_sequence = excluded.last_sequence`,
    args: [position.consumer, position.stream, position.streamCreatedAt, position.lastSequence],
  };
}
