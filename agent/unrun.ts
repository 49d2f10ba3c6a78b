import * as v from "valibot";
import type { Clock } from "../actors/system/clock.ts";
import type { Ending } from "../machines/agent_command.ts";
import { Id, SubjectId } from "../wire/scalars.ts";
import { formatInstant } from "../wire/time.ts";
import type { Outbox } from "./outbox.ts";
import { OutputBuffer } from "./output_buffer.ts";
import { type CommandIds, noteOf, resultWithoutOutput } from "./result.ts";

/** A command that ends without a run of this life of the agent. */
export interface Unrun {
  readonly ids: CommandIds;
  readonly resultId: string;
  readonly ending: Ending;
  /** When an earlier life started it; now unless given. */
  readonly startedAt?: string | null;
}

/**
 * Writes its result, which has nothing to tell but how it ended; it goes out only after the outbox's `release`.
 *
 * @throws the system's error when it cannot be written
 */
export async function writeUnrun(
  { pcId, outbox, clock }: {
    readonly pcId: string;
    readonly outbox: Outbox;
    readonly clock: Clock;
  },
  { ids, resultId, ending, startedAt }: Unrun,
): Promise<void> {
  const finishedAt = formatInstant(clock.now());
  const stderr = new OutputBuffer();
  stderr.append(Buffer.from(`kanade: ${noteOf(ending)}\n`));
  const result = resultWithoutOutput({
    command: ids,
    pcId,
    resultId,
    ending,
    startedAt: startedAt ?? finishedAt,
    finishedAt,
  });
  await outbox.writeResult({ ...result, result_id: resultId }, {
    stdout: new OutputBuffer(),
    stderr,
  });
}

const OptionalId = v.fallback(v.nullish(Id), null);
const Ids = v.object({
  id: OptionalId,
  // Its result goes out under it.
  request_id: v.fallback(v.nullish(SubjectId), null),
  exec_id: OptionalId,
  job_id: OptionalId,
});
const EnvelopedIds = v.object({ command: Ids, target_pc_id: OptionalId });

/** Whatever ids stand in the bytes of what cannot be read as a command. */
export interface ReadIds extends Pick<CommandIds, "exec_id" | "id"> {
  readonly request_id: string | null;
  /** Whom its envelope names, if it has one. */
  readonly recipient: string | null;
}

export function readIds(bytes: Uint8Array): ReadIds {
  const text = new TextDecoder().decode(bytes);
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // Then it has none.
    body = null;
  }
  const enveloped = v.safeParse(EnvelopedIds, body);
  const bare = v.safeParse(Ids, body);
  const ids = enveloped.success ? enveloped.output.command : bare.success ? bare.output : undefined;
  return {
    id: ids?.id ?? null,
    request_id: ids?.request_id ?? null,
    exec_id: ids?.exec_id ?? ids?.job_id ?? null,
    recipient: enveloped.success ? enveloped.output.target_pc_id ?? null : null,
  };
}
