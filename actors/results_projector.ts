/** Projects stream RESULTS: the endings of runs (execution-semantics.md §3, R3 to R6, R8, R9). */
import type { RunOutputs, StoredOutput } from "../db/projection_rows.ts";
import { Fault } from "../wire/fault.ts";
import { defineActor } from "./backend.ts";
import { forgeryEvents, unreadableOf } from "./forgeries.ts";
import type { OutputObjects } from "./output_objects.ts";
import { runProjector } from "./projector.ts";
import type { Unreadable } from "./unreadable.ts";
import {
  type Origin,
  plainOutput,
  type ReadResult,
  readResult,
  type RunMessage,
  storedOutput,
} from "./run_messages.ts";

const CONSUMER = "backend_results_projector";

export const resultsProjector = defineActor({
  name: "results_projector",
  permissions: {
    db: "write",
    streams: [CONSUMER],
    provisioned: true,
    projection: true,
    lease: true,
    catchUp: true,
    outputObjects: true,
    health: true,
    measure: "batches",
  },
  handles: "results",
  run: (grants) =>
    runProjector({
      stream: "RESULTS",
      consumer: CONSUMER,
      read: (origins) => readResults(origins, grants.outputObjects),
      commit: async (tenure, { messages, unreadable, fetched }, further) => {
        const refused = await grants.projection.project(tenure, {
          messages,
          unreadable,
          further: [...further, ...forgeryEvents(unreadable, grants.clock.now())],
        });
        // The object of a dead letter is still needed, for its replay.
        const committed = fetched.filter(({ sequence }) => !refused.has(sequence));
        await grants.outputObjects.remove(committed.map(({ name }) => name));
      },
    }, grants),
});

/** An object, and the sequence of the result that it belongs to. */
interface FetchedObject {
  readonly name: string;
  readonly sequence: number;
}

interface ReadBatchResult {
  readonly messages: readonly RunMessage[];
  readonly unreadable: readonly Unreadable[];
  /** Objects whose output is in the batch: deleted once it is committed. */
  readonly fetched: readonly FetchedObject[];
}

/**
 * Reads a batch of results with their output.
 *
 * @throws {Fault} when the object store does not answer: nothing is projected without the output that it holds
 */
export async function readResults(
  origins: readonly Origin[],
  objects: OutputObjects,
): Promise<ReadBatchResult> {
  const messages: RunMessage[] = [];
  const fetching: Promise<RunMessage>[] = [];
  const unreadable: Unreadable[] = [];
  const fetched: FetchedObject[] = [];
  for (const origin of origins) {
    try {
      const result = readResult(origin);
      const outputs = plainOutputs(result);
      if (outputs !== undefined) messages.push(message(origin, result, outputs));
      else {
        fetching.push(
          fetchOutputs(result, objects, (name) => fetched.push({ name, sequence: origin.sequence }))
            .then((found) => message(origin, result, found)),
        );
      }
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      unreadable.push(unreadableOf(origin, thrown));
    }
  }
  return { messages: [...messages, ...await Promise.all(fetching)], unreadable, fetched };
}

function message(origin: Origin, { end }: ReadResult, outputs: RunOutputs): RunMessage {
  return { kind: "result", origin, end, outputs };
}

/** The usual case: short output that stands in the message itself. */
function plainOutputs({ payload }: ReadResult): RunOutputs | undefined {
  if (payload.stdout_object || payload.stderr_object) return undefined;
  const stdout = plainOutput(payload.stdout, payload.stdout_truncated ?? false);
  const stderr = plainOutput(payload.stderr, payload.stderr_truncated ?? false);
  if (stdout === undefined || stderr === undefined) return undefined;
  return { stdout, stderr, unavailable: false };
}

async function fetchOutputs(
  { payload }: ReadResult,
  objects: OutputObjects,
  onFetched: (name: string) => void,
): Promise<RunOutputs> {
  let unavailable = false;
  const output = async (
    text: string,
    object: string | null | undefined,
    truncated: boolean | null | undefined,
  ): Promise<StoredOutput> => {
    if (!object) return await storedOutput(text, truncated ?? false);
    const found = await objects.read(object);
    if (found === undefined) unavailable = true;
    else onFetched(object);
    return await storedOutput(found ?? "", truncated ?? false);
  };
  const [stdout, stderr] = await Promise.all([
    output(payload.stdout, payload.stdout_object, payload.stdout_truncated),
    output(payload.stderr, payload.stderr_object, payload.stderr_truncated),
  ]);
  return { stdout, stderr, unavailable };
}
