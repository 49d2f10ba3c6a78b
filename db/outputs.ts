/** Whole output of runs. Lists do without: they show previews and sizes. */
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import type { Reader, Row } from "./client.ts";
import { bytesOrNull, textOf } from "./rows.ts";

/** One stream's output as it is stored: the UTF-8 bytes of the text, perhaps compressed. */
export interface StoredText {
  readonly bytes: Uint8Array;
  readonly encoding: "plain" | "gzip";
}

/** Null = nothing was written, or the run is in flight. */
export interface StoredOutputs {
  readonly stdout: StoredText | null;
  readonly stderr: StoredText | null;
}

export interface Outputs {
  readonly stdout: string;
  readonly stderr: string;
}

const unzip = promisify(gunzip);
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Stored outputs by `result_id`; runs without any output are left out. */
export async function readStoredOutputs(
  reader: Reader,
  resultIds: readonly string[],
): Promise<ReadonlyMap<string, StoredOutputs>> {
  const rows = await reader.query(
    `SELECT result_id, stdout, stdout_encoding, stderr, stderr_encoding FROM run_outputs
      WHERE result_id IN (SELECT value FROM json_each(?))`,
    [JSON.stringify(resultIds)],
  );
  return new Map(rows.map((row) => [
    textOf(row, "result_id"),
    { stdout: storedText(row, "stdout"), stderr: storedText(row, "stderr") },
  ]));
}

/** The whole text; null is the empty one. */
export async function textOfStored(stored: StoredText | null): Promise<string> {
  if (stored === null) return "";
  return decoder.decode(stored.encoding === "gzip" ? await unzip(stored.bytes) : stored.bytes);
}

/** Whole outputs by `result_id`, one entry for each id asked for. */
export async function readOutputs(
  reader: Reader,
  resultIds: readonly string[],
): Promise<ReadonlyMap<string, Outputs>> {
  const stored = await readStoredOutputs(reader, resultIds);
  const entries = resultIds.map(async (resultId): Promise<[string, Outputs]> => {
    const { stdout = null, stderr = null } = stored.get(resultId) ?? {};
    const [out, err] = await Promise.all([textOfStored(stdout), textOfStored(stderr)]);
    return [resultId, { stdout: out, stderr: err }];
  });
  return new Map(await Promise.all(entries));
}

/** One stream of a row of `run_outputs`. */
export function storedText(row: Row, column: "stdout" | "stderr"): StoredText | null {
  const bytes = bytesOrNull(row, column);
  const encoding = textOf(row, `${column}_encoding`) === "gzip" ? "gzip" : "plain";
  return bytes === null ? null : { bytes, encoding };
}
