/**
 * Publishes what the outbox holds, in the order in which it was decided (design.md §1). A message leaves at least
 * once; its `Nats-Msg-Id` and the agents' ledgers make that once in effect.
 *
 * 1. Nothing is published before its transaction is committed, and nothing is marked before its PubAck.
 * 2. A command past its own deadline, or of a killed execution, never leaves.
 */
import { type Database } from "../db/client.ts";
import {
  type DueMessage,
  markExpired,
  markFailed,
  markSent,
  readDue,
  readNextDueAt,
  readSentCommands,
  type SentMessage,
} from "../db/command_outbox.ts";
import { setDeadlines } from "../db/dispatches.ts";
import { messageOf } from "../wire/fault.ts";
import { defineActor } from "./backend.ts";
import { key } from "../wire/ids.ts";
import type { BusAccess } from "./bus_access.ts";
import type { ExecMessages } from "./exec_messages.ts";
import type { KvAccess } from "./kv_access.ts";
import type { OutboxSignal } from "./outbox_signal.ts";
import { assertHeld } from "./projection.ts";
import type { Clock } from "./system/clock.ts";
import type { Tenure } from "./writer_lease.ts";

const BATCH = 500;
const ACK_TIMEOUT_MS = 5_000;
/** How long a failure holds the whole outbox back: order matters more than speed. */
const RETRY_MS = 1_000;
/** Another backend's rows are noticed at the latest after this long. */
const LOOK_AGAIN_MS = 1_000;

export const outboxPublisher = defineActor({
  name: "outbox_publisher",
  permissions: {
    db: "write",
    lease: true,
    outbox: true,
    bus: { publish: ["commands.>", "kill.*", "audit.>"] },
    kv: { kills: "write" },
    execMessages: true,
    health: true,
  },
  run: async ({ db, lease, outbox, bus, kv, execMessages, health, clock, log, signal, ready }) => {
    ready();
    while (!signal.aborted) {
      const tenure = await lease.acquired(signal);
      const held = AbortSignal.any([signal, tenure.signal]);
      try {
        while (!held.aborted) {
          await bus.whenConnected(held);
          const outcome = await publishDue({ db, bus, tenure, outbox, clock, kv, execMessages });
          health(outcome.problem);
          if (outcome.problem !== null) log.warn("outbox held back", { error: outcome.problem });
          if (!outcome.more) {
            await outbox.changed(held, await untilNext(db, clock, outcome.problem));
          }
        }
      } catch (thrown) {
        if (!held.aborted) throw thrown;
      }
    }
  },
});

interface PublishContext {
  readonly db: Database;
  readonly bus: BusAccess;
  readonly tenure: Tenure;
  readonly outbox: OutboxSignal;
  readonly clock: Clock;
  readonly kv: KvAccess;
  readonly execMessages: ExecMessages;
}

interface PublishOutcome {
  readonly more: boolean;
  readonly problem: string | null;
}

/** Publishes one batch of what is due. */
async function publishDue(context: PublishContext): Promise<PublishOutcome> {
  const { db, clock, tenure, outbox } = context;
  const due = await readDue(db, clock.now(), BATCH);
  if (due.length === 0) return { more: false, problem: null };
  const { sent, expired, failure } = await publishInOrder(context, due);
  const execIds = execIdsOf(due, [...sent.map((one) => one.id), ...expired]);
  await db.write(async (tx) => {
    await assertHeld(tx, tenure);
    await tx.batch([
      markSent(sent),
      markExpired(expired),
      markFailed(failure === null ? [] : [failure]),
    ]);
    await setDeadlines(tx, execIds, clock.now());
  });
  outbox.sent(execIds);
  return { more: failure === null && due.length === BATCH, problem: failure?.error ?? null };
}

interface Published {
  readonly sent: readonly SentMessage[];
  readonly expired: readonly number[];
  readonly failure: { readonly id: number; readonly error: string } | null;
}

/**
 * Commands and audit events go out together, their acks awaited together; a kill waits for those before it. The first
 * failure ends the batch: what came after it is tried again in its turn.
 */
async function publishInOrder(
  context: PublishContext,
  due: readonly DueMessage[],
): Promise<Published> {
  const sent: SentMessage[] = [];
  const expired: number[] = [];
  let together: DueMessage[] = [];
  // The newest command of a subject wins in its stream: two of one subject never travel at once.
  let subjects = new Set<string>();
  for (const message of due) {
    if (isTooLate(message, context.clock.now())) {
      expired.push(message.id);
      continue;
    }
    const alone = message.kind === "kill";
    if (!alone && !subjects.has(message.subject)) {
      subjects.add(message.subject);
      together.push(message);
      continue;
    }
    const before = await publishTogether(context, together, sent);
    const failure = before ?? (alone ? await publishKill(context, message, sent) : null);
    if (failure !== null) return { sent, expired, failure };
    together = alone ? [] : [message];
    subjects = new Set(together.map((one) => one.subject));
  }
  return { sent, expired, failure: await publishTogether(context, together, sent) };
}

function isTooLate(message: DueMessage, now: number): boolean {
  return message.kind === "command" && message.startBy !== null && message.startBy < now;
}

async function publishTogether(
  { bus, clock }: PublishContext,
  messages: readonly DueMessage[],
  sent: SentMessage[],
): Promise<Published["failure"]> {
  const acks = await Promise.allSettled(
    messages.map((message) =>
      bus.publishAcked(message.subject, message.payload, {
        msgId: message.msgId,
        timeoutMs: ACK_TIMEOUT_MS,
      })
    ),
  );
  let failure: Published["failure"] = null;
  for (const [index, ack] of acks.entries()) {
    const { id } = messages[index] as DueMessage;
    if (ack.status === "fulfilled") {
      sent.push({ id, sentAt: clock.now(), streamSequence: ack.value.sequence });
    } else {
      failure ??= { id, error: messageOf(ack.reason) };
    }
  }
  return failure;
}

/** A kill in its order: remembered for those who are away, then no longer to be found, then told. */
async function publishKill(
  { bus, clock, db, kv, execMessages }: PublishContext,
  message: DueMessage,
  sent: SentMessage[],
): Promise<Published["failure"]> {
  const execId = message.execId ?? "";
  try {
    await kv.bucket("kills").put(key(execId), message.payload);
    for (const command of await readSentCommands(db, execId)) {
      await execMessages.remove(command.subject, command.streamSequence);
    }
    bus.publish(message.subject, new Uint8Array());
    await bus.flush();
    sent.push({ id: message.id, sentAt: clock.now(), streamSequence: null });
    return null;
  } catch (thrown) {
    if (thrown instanceof TypeError) throw thrown;
    return { id: message.id, error: messageOf(thrown) };
  }
}

function execIdsOf(due: readonly DueMessage[], ids: readonly number[]): string[] {
  const wanted = new Set(ids);
  return [
    ...new Set(
      due.flatMap((message) =>
        message.kind === "command" && message.execId !== null && wanted.has(message.id)
          ? [message.execId]
          : []
      ),
    ),
  ];
}

async function untilNext(db: Database, clock: Clock, problem: string | null): Promise<number> {
  if (problem !== null) return RETRY_MS;
  const next = await readNextDueAt(db, clock.now());
  return next === undefined
    ? LOOK_AGAIN_MS
    : Math.min(LOOK_AGAIN_MS, Math.max(0, next - clock.now()));
}
