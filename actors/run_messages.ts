/** A stream message on its way to a run row: decoded, with where it came from. */
import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { RunOutputs, StoredOutput } from "../db/projection_rows.ts";
import type { RunEnd, RunStart } from "../machines/run.ts";
import { decode } from "../wire/codec.ts";
import { EventStarted } from "../wire/event_started.ts";
import { ExecResult } from "../wire/exec_result.ts";
import { Fault } from "../wire/fault.ts";
import { resultIdOf } from "../wire/ids.ts";
import { pcIdOfResultSubject } from "../wire/subjects.ts";
import { parseInstant } from "../wire/time.ts";

/** Where a message stands in its stream. */
export interface Origin {
  readonly stream: string;
  /** Creation time of the stream: sequences start again when it is made anew. Ms since the epoch. */
  readonly streamCreatedAt: number;
  readonly sequence: number;
  readonly subject: string;
  /** When the broker stored it, ms since the epoch. */
  readonly publishedAt: number;
  readonly payload: Uint8Array;
}

export type RunMessage =
  | { readonly kind: "started"; readonly origin: Origin; readonly start: RunStart }
  | {
    readonly kind: "result";
    readonly origin: Origin;
    readonly end: RunEnd;
    readonly outputs: RunOutputs;
  };

const PREVIEW_CHARACTERS = 200;
/** Output above this many bytes is stored compressed. */
const COMPRESS_ABOVE_BYTES = 4_096;

const compress = promisify(gzip);

/** Reads a started event. @throws {Fault} `invalid_input`, also when its subject is of another run (wire.md §2) */
export function readStarted(origin: Origin): RunMessage {
  const event = decode(EventStarted, "started event", origin.payload);
  if (origin.subject !== `events.started.${event.exec_id}.${event.pc_id}`) {
    throw new Fault(
      "invalid_input",
      `Cannot accept the started event: its subject ${origin.subject} is not of its exec_id and pc_id`,
      { details: { path: "pc_id", forgedBy: origin.subject.split(".")[3] ?? "" } },
    );
  }
  return {
    kind: "started",
    origin,
    start: {
      resultId: resultIdOf(event),
      execId: event.exec_id,
      requestId: event.request_id,
      pcId: event.pc_id,
      jobId: event.manifest_id,
      version: event.version,
      startedAt: instant(event.started_at),
      publishedAt: origin.publishedAt,
      timeoutSecs: event.timeout_secs ?? null,
      fallbackTimeoutSecs: null,
    },
  };
}

/** A result's payload, read and checked against its subject. */
export interface ReadResult {
  readonly end: RunEnd;
  readonly payload: ExecResult;
}

/** Reads a result. @throws {Fault} `invalid_input`, also when the subject names another PC (wire.md §2) */
export function readResult(origin: Origin): ReadResult {
  const payload = decode(ExecResult, "result", origin.payload);
  const claimed = pcIdOfResultSubject(origin.subject);
  if (claimed !== undefined && claimed !== payload.pc_id) {
    throw new Fault(
      "invalid_input",
      `Cannot accept the result: its subject names pc_id "${claimed}", its payload "${payload.pc_id}"`,
      { details: { path: "pc_id", forgedBy: claimed } },
    );
  }
  return {
    payload,
    end: {
      resultId: resultIdOf(payload),
      execId: payload.exec_id ?? null,
      parentResultId: payload.parent_result_id ?? null,
      requestId: payload.request_id,
      pcId: payload.pc_id,
      jobId: payload.manifest_id ?? null,
      exitCode: payload.exit_code,
      skipped: payload.skipped,
      outcomeReason: payload.outcome_reason ?? null,
      startedAt: instant(payload.started_at),
      finishedAt: instant(payload.finished_at),
      publishedAt: origin.publishedAt,
    },
  };
}

/** Output as it is stored when nothing needs to be compressed; undefined when something does. */
export function plainOutput(text: string, truncated: boolean): StoredOutput | undefined {
  const bytes = Buffer.byteLength(text);
  if (bytes > COMPRESS_ABOVE_BYTES) return undefined;
  return { body: text, encoding: "plain", bytes, preview: previewOf(text), truncated };
}

/** Output as it is stored, compressed on a thread of the pool where that pays. */
export async function storedOutput(text: string, truncated: boolean): Promise<StoredOutput> {
  const plain = plainOutput(text, truncated);
  if (plain !== undefined) return plain;
  return {
    body: await compress(text),
    encoding: "gzip",
    bytes: Buffer.byteLength(text),
    preview: previewOf(text),
    truncated,
  };
}

/** First 200 characters, without half of a surrogate pair at the end. */
function previewOf(text: string): string {
  if (text.length <= PREVIEW_CHARACTERS) return text;
  const last = text.charCodeAt(PREVIEW_CHARACTERS - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, splitsPair ? PREVIEW_CHARACTERS - 1 : PREVIEW_CHARACTERS);
}

function instant(text: string): number {
  const at = parseInstant(text);
  if (at === undefined) {
    throw new RangeError(`Cannot read the instant ${text}: the schema let it pass`);
  }
  return at;
}
