/** The last steps of every dispatch, once its command and its targets are known: it is checked, committed and answered. */
import { encode } from "../wire/codec.ts";
import { type Command, commandBody } from "../wire/command.ts";
import { Fault } from "../wire/fault.ts";
import { commitDispatch, type CommittedRequest } from "./dispatch_commit.ts";
import type {
  CommandIds,
  DispatchAnswer,
  DispatchOutcome,
  DispatchRequest,
  Idempotency,
} from "./dispatch_types.ts";
import type { DispatcherHost } from "./dispatcher_host.ts";
import { answerOf } from "./stored_answers.ts";
import type { PlannedTargets } from "./targets.ts";

/** How long an answer waits for its commands to leave, ms. */
const PUBLISH_WAIT_MS = 2_000;
/** Of one command; a quarter of what a broker takes as a message unless it is told otherwise (1 MiB). */
const MAX_COMMAND_BYTES = 262_144;

/** What is to be dispatched. */
export interface Acceptable {
  readonly command: Command;
  readonly planned: PlannedTargets;
  readonly ids: CommandIds;
  readonly request: CommittedRequest & Pick<DispatchRequest, "alongside" | "publishWaitMs">;
}

/** Commits a dispatch, unless one is there under its key, and answers. @throws {Fault} `too_large` */
export async function acceptDispatch(
  host: DispatcherHost,
  { command, planned, ids, request }: Acceptable,
): Promise<DispatchOutcome> {
  checkSize(command);
  const now = host.clock.now();
  const answer: DispatchAnswer = {
    exec_id: ids.execId,
    job_id: command.id,
    version: command.version,
    target_count: planned.targets.size,
    subjects: planned.subjects.map((one) => one.subject),
    published: false,
    request_id: ids.requestId,
  };
  const earlier = await host.db.write(async (tx) => {
    const present = await answerOf(tx, request, asDispatchAnswer);
    if (present !== undefined) return present;
    await request.alongside?.(tx, answer);
    await commitDispatch(tx, { command, planned, answer, request, now });
    return undefined;
  });
  if (earlier !== undefined) return await asItIsNow(host, earlier);
  host.dispatched(ids.execId, now);
  host.outboxChanged();
  const published = await host.published(ids.execId, request.publishWaitMs ?? PUBLISH_WAIT_MS);
  return { kind: "accepted", answer: { ...answer, published }, replayed: false };
}

/** What was answered under the request's key before, if anything was. */
export async function replayedDispatch(
  host: DispatcherHost,
  request: { readonly idempotency?: Idempotency },
): Promise<DispatchOutcome | undefined> {
  const replayed = await answerOf(host.db, request, asDispatchAnswer);
  return replayed && await asItIsNow(host, replayed);
}

/** The command must fit a message, and its audit event, which holds it, too. @throws {Fault} `too_large` */
function checkSize(command: Command): void {
  const bytes = encode(commandBody(command)).length;
  if (bytes <= MAX_COMMAND_BYTES) return;
  throw new Fault(
    "too_large",
    `Cannot dispatch the job "${command.id}": its command has ${bytes} bytes, and at most ${MAX_COMMAND_BYTES} fit`,
  );
}

/** What we stored ourselves, as what it was stored as. */
const asDispatchAnswer = (stored: unknown) => stored as DispatchAnswer;

/** The same answer again; whether the commands have left is told as it is now. */
async function asItIsNow(host: DispatcherHost, earlier: DispatchOutcome): Promise<DispatchOutcome> {
  if (earlier.kind !== "accepted") return earlier;
  const published = await host.published(earlier.answer.exec_id, PUBLISH_WAIT_MS);
  return { ...earlier, answer: { ...earlier.answer, published } };
}
