import * as v from "valibot";
import { decode } from "../wire/codec.ts";
import { Id, Instant, Sha256 } from "../wire/scalars.ts";

/** What the ledger knows of a request that has not been reported yet. */
const OpenRecord = v.object({
  request_id: Id,
  result_id: Id,
  /** Of the command's bytes, as received. */
  sha256: Sha256,
  admitted_at: Instant,
  /** Set before the first spawn: from here on it may have started. */
  started_at: v.nullable(Instant),
  killed: v.boolean(),
  /** Base64 of the command's bytes, so that an admitted command survives a crash. */
  command: v.string(),
  /** The headers of its signature, if it had any: after a crash it goes through all gates again. */
  headers: v.optional(v.record(v.string(), v.string())),
});
export type OpenRecord = v.InferOutput<typeof OpenRecord>;

/** What stays of a request whose result reached the outbox: enough to know it again. */
const ClosedRecord = v.object({
  request_id: Id,
  result_id: Id,
  sha256: Sha256,
  finished_at: Instant,
});
export type ClosedRecord = v.InferOutput<typeof ClosedRecord>;

/** @throws {Fault} `invalid_input` when the file is not such a record */
export function readOpenRecord(bytes: Uint8Array): OpenRecord {
  return decode(OpenRecord, "ledger record", bytes);
}

/** @throws {Fault} `invalid_input` when the file is not such a record */
export function readClosedRecord(bytes: Uint8Array): ClosedRecord {
  return decode(ClosedRecord, "ledger record", bytes);
}
