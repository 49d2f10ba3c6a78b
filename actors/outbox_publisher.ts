/**
 * Publishes what the outbox holds, in the order in which it was decided (ARCHITECTURE.md, "The way of the data"). A
 * message leaves at least once; its `Nats-Msg-Id` and the agents' ledgers make that once in effect.
 *
 * 1. Nothing is published before its transaction is committed, and nothing is marked before its PubAck.
 * 2. A command past its own deadline, or of a killed execution, never leaves.
 * 3. A command leaves only after the one before it on its subject is marked as sent: published again after a crash, the
 *    older one would replace the newer one in the stream, which keeps one of a subject.
 */
import { type Database } from "../db/client.ts";
import {
  type DueMessage,
  markExpired,
  markFailed,
  markRefused,
  markSent,
  readDue,
  readNextDueAt,
  type SentMessage,
} from "../db/command_outbox.ts";
import { setDeadlines } from "../db/dispatches.ts";
import type { Announcement } from "../wire/announcement.ts";
import { Fault } from "../wire/fault.ts";
import { defineActor } from "./backend.ts";
import { ENVELOPE_VALIDITY_MS, envelopeBody } from "../wire/signing.ts";
import { pcIdOfCommandSubject } from "../wire/subjects.ts";
import type { CommandSigner } from "./command_signer.ts";
import type { BrokerClock } from "./broker_clock.ts";
import type { BusAccess } from "./bus_access.ts";
import type { ExecMessages } from "./exec_messages.ts";
import type { KvAccess } from "./kv_access.ts";
import type { Log } from "./log.ts";
import type { OutboxSignal } from "./outbox_signal.ts";
import { assertHeld, inEachTenure, type Tenure } from "./writer_lease.ts";
import { publishKill } from "./publish_kill.ts";
import type { Clock } from "./system/clock.ts";

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
    bus: { publish: ["commands.>", "kill.*", "agents.*.kill", "audit.>"] },
    kv: { kills: "write" },
    signer: true,
    execMessages: true,
    brokerClock: true,
    provisioned: true,
    health: true,
    announce: true,
  },
  handles: "messages",
  run: async (grants) => {
    const { db, lease, outbox, bus, provisioned, health, clock, log, signal, ready } = grants;
    ready();
    await inEachTenure(lease, signal, async (tenure, held) => {
      while (!held.aborted) {
        await bus.whenConnected(held);
        const outcome = await publishDue({ ...grants, tenure });
        health(outcome.problem);
        if (outcome.problem !== null) log.warn("outbox held back", { error: outcome.problem });
        // A stream was deleted under us: the provisioner makes it anew.
        if (outcome.lacksStream) provisioned.close();
        if (!outcome.more) {
          await outbox.changed(held, await untilNext(db, clock, outcome.problem));
        }
      }
    });
  },
});

interface PublishContext {
  readonly db: Database;
  readonly bus: BusAccess;
  readonly tenure: Tenure;
  readonly outbox: OutboxSignal;
  readonly clock: Clock;
  readonly kv: KvAccess;
  readonly signer: CommandSigner | null;
  readonly execMessages: ExecMessages;
  readonly brokerClock: BrokerClock;
  readonly announce: (announcement: Announcement) => void;
  readonly log: Log;
  readonly handled: (messages: number) => void;
}

interface PublishOutcome {
  readonly more: boolean;
  readonly problem: string | null;
  readonly lacksStream: boolean;
}

/** Publishes one batch of what is due, part after part. */
async function publishDue(context: PublishContext): Promise<PublishOutcome> {
  const due = await readDue(context.db, context.clock.now(), BATCH);
  // One that was frozen and wakes up would send again what its successor is just sending.
  if (due.length > 0) await assertHeld(context.db, context.tenure);
  for (const part of partsOf(due)) {
    const failure = await publishPart(context, part);
    if (failure === null) continue;
    return { more: false, problem: failure.error, lacksStream: failure.lacksStream };
  }
  return { more: due.length === BATCH, problem: null, lacksStream: false };
}

/** What may travel at the same time, in order: nothing of one subject twice, and a kill alone. */
function partsOf(due: readonly DueMessage[]): readonly (readonly DueMessage[])[] {
  const parts: DueMessage[][] = [];
  let subjects = new Set<string>();
  for (const message of due) {
    const last = parts.at(-1);
    const alone = message.kind === "kill" || last?.[0]?.kind === "kill";
    if (last === undefined || alone || subjects.has(message.subject)) {
      parts.push([message]);
      subjects = new Set();
    } else last.push(message);
    subjects.add(message.subject);
  }
  return parts;
}

interface Failure {
  readonly id: number;
  readonly error: string;
  /** The broker will never take this message. */
  readonly refused: boolean;
  /** No stream takes its subject. */
  readonly lacksStream: boolean;
}

/** Publishes one part and writes down what became of it. Answers the first failure that may pass. */
async function publishPart(
  context: PublishContext,
  part: readonly DueMessage[],
): Promise<Failure | null> {
  const { db, tenure, outbox, log } = context;
  // Deadlines count from here and are compared with the broker's clock.
  const now = await context.brokerClock.now();
  const expired = part.filter((message) => isTooLate(message, now));
  const timely = part.filter((message) => !expired.includes(message));
  const { sent, failures } = await publishTogether(context, timely, now);
  const refused = failures.filter((failure) => failure.refused);
  const held = failures.filter((failure) => !failure.refused);
  for (const { id, error } of refused) log.error("the broker refuses a message", { id, error });
  const ids = [...sent, ...expired, ...refused].map((one) => one.id);
  const execIds = execIdsOf(part, ids);
  await db.write(async (tx) => {
    await assertHeld(tx, tenure);
    await tx.batch([
      markSent(sent),
      markExpired(expired.map((one) => one.id)),
      markRefused(refused),
      markFailed(held),
    ]);
    await setDeadlines(tx, execIds, now);
  });
  outbox.sent(execIds);
  for (const execId of execIds) context.announce({ type: "sending", exec_id: execId });
  context.handled(sent.length);
  return held[0] ?? null;
}

function isTooLate(message: DueMessage, now: number): boolean {
  return message.kind === "command" && message.startBy !== null && message.startBy < now;
}

interface Published {
  readonly sent: readonly SentMessage[];
  readonly failures: readonly Failure[];
}

/** All acks are awaited together. */
async function publishTogether(
  context: PublishContext,
  messages: readonly DueMessage[],
  now: number,
): Promise<Published> {
  const acks = await Promise.allSettled(messages.map((message) => publish(context, message)));
  const sent: SentMessage[] = [];
  const failures: Failure[] = [];
  for (const [index, ack] of acks.entries()) {
    const { id } = messages[index] as DueMessage;
    if (ack.status === "fulfilled") {
      sent.push({ id, sentAt: now, streamSequence: ack.value });
    } else {
      if (!(ack.reason instanceof Fault)) throw ack.reason;
      const { message: error, retryable, details } = ack.reason;
      const lacksStream = details["noResponders"] === true;
      failures.push({ id, error, refused: !retryable, lacksStream });
    }
  }
  return { sent, failures };
}

/** Ends when the message has left, with its sequence in its stream if it has one. */
async function publish(context: PublishContext, message: DueMessage): Promise<number | null> {
  if (message.kind === "kill") return await publishKill(context, message);
  const body = bodyOf(message);
  const isSigned = message.kind === "command" && context.signer !== null;
  const { sequence } = await context.bus.publishAcked(message.subject, body, {
    msgId: message.msgId,
    timeoutMs: ACK_TIMEOUT_MS,
    ...(isSigned ? { headers: context.signer.sign(body) } : {}),
  });
  return sequence;
}

/** The bytes are the same each time that a message is tried: what has left already may have arrived. */
function bodyOf({ subject, payload, envelopedAt }: DueMessage): Uint8Array {
  if (envelopedAt === null) return payload;
  return envelopeBody({
    recipient: pcIdOfCommandSubject(subject),
    expiresAt: envelopedAt + ENVELOPE_VALIDITY_MS,
    command: JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>,
  });
}

function execIdsOf(due: readonly DueMessage[], ids: readonly number[]): string[] {
  const wanted = new Set(ids);
  return [
    ...new Set(
      due.flatMap((message) =>
        message.kind !== "audit" && message.execId !== null && wanted.has(message.id)
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
