/** What the streams still hold of one run: when the broker stored each of its messages. */
import * as v from "valibot";
import { decode } from "../../wire/codec.ts";
import { Fault, messageOf } from "../../wire/fault.ts";
import { resultSubject, sharedResultSubject, startedSubject } from "../../wire/subjects.ts";
import type { Bus } from "../bus.ts";
import { readByApi, type StoredMessage } from "../bus_stored_message.ts";
import type { Log } from "../log.ts";

/** Messages of a subject that a whole fleet shares which are looked through for one run's. */
const LOOKED_THROUGH = 20;

/** Which messages are asked for. */
export interface StoredQuestion {
  readonly resultId: string;
  readonly requestId: string;
  readonly execId: string | null;
  readonly pcId: string;
  /** The command that reached the PC, as it was stored; null = not known. */
  readonly command: { readonly subject: string; readonly streamSequence: number | null } | null;
}

/** A message as its stream has it. */
export interface Stored {
  /** By the broker's clock, ms since the epoch. */
  readonly at: number;
  readonly sequence: number;
}

/** Null = its stream does not hold it any more, or cannot be asked. */
export interface StoredMessages {
  readonly command: Stored | null;
  readonly started: Stored | null;
  readonly result: Stored | null;
}

const Named = v.object({ result_id: v.optional(v.string()) });

/** Never rejects for the broker's sake: what cannot be told now is not told. */
export async function readStoredMessages(
  { bus, log }: { readonly bus: Bus; readonly log: Log },
  question: StoredQuestion,
): Promise<StoredMessages> {
  const orNull = async (read: () => Promise<Stored | null>): Promise<Stored | null> => {
    try {
      return await read();
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      log.debug("stored message not read", { why: messageOf(thrown) });
      return null;
    }
  };
  const [command, started, result] = await Promise.all([
    orNull(() => storedCommand(bus, question)),
    orNull(() => storedStart(bus, question)),
    orNull(() => storedResult(bus, question)),
  ]);
  return { command, started, result };
}

/** EXEC keeps the newest of a subject: a later command may have taken its place. */
async function storedCommand(bus: Bus, { command }: StoredQuestion): Promise<Stored | null> {
  if (command === null || command.streamSequence === null) return null;
  const newest = await readByApi(bus, "EXEC", { last_by_subj: command.subject });
  return newest?.sequence === command.streamSequence ? storedOf(newest) : null;
}

async function storedStart(
  bus: Bus,
  { execId, pcId, resultId }: StoredQuestion,
): Promise<Stored | null> {
  if (execId === null) return null;
  const newest = await readByApi(bus, "EVENTS", { last_by_subj: startedSubject(execId, pcId) });
  return newest !== undefined && isOf(newest, resultId) ? storedOf(newest) : null;
}

/** Under the PC's own subject, or under the one that all who got the command share. */
async function storedResult(bus: Bus, question: StoredQuestion): Promise<Stored | null> {
  const { pcId, requestId, resultId } = question;
  const own = await readByApi(bus, "RESULTS", { last_by_subj: resultSubject(pcId, requestId) });
  if (own !== undefined && isOf(own, resultId)) return storedOf(own);
  const subject = sharedResultSubject(requestId);
  for (let looked = 0, from = 1; looked < LOOKED_THROUGH; looked += 1) {
    const next = await readByApi(bus, "RESULTS", { seq: from, next_by_subj: subject });
    if (next === undefined) return null;
    if (isOf(next, resultId)) return storedOf(next);
    from = next.sequence + 1;
  }
  return null;
}

function isOf({ data }: StoredMessage, resultId: string): boolean {
  return decode(Named, "stored message", data).result_id === resultId;
}

function storedOf({ storedAt, sequence }: StoredMessage): Stored {
  return { at: storedAt, sequence };
}
