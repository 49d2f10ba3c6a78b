/** Messages that nobody can project, on their way to the dead letters. */
import type { DeadLetter } from "../db/dead_letters.ts";
import type { Origin } from "./run_messages.ts";

/** A message that could not even be read, and why. */
export interface Unreadable {
  readonly origin: Origin;
  readonly error: string;
  /** The PC under whose name it was published, where it speaks for another one. */
  readonly forgedBy?: string;
}

/** The dead letter of a message, for its row. */
export function deadLetter(origin: Origin, error: string, recordedAt: number): DeadLetter {
  const { stream, streamCreatedAt, sequence, subject, payload, publishedAt } = origin;
  return { stream, streamCreatedAt, sequence, subject, payload, publishedAt, error, recordedAt };
}
