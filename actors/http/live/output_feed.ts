import type { WholeRun } from "../../../db/results.ts";
import { decode } from "../../../wire/codec.ts";
import { Fault, messageOf } from "../../../wire/fault.ts";
import { OUTPUT_STREAMS, type OutputStream, type SourceEvent } from "../../../wire/http_live.ts";
import { JobTailReply, MAX_WATCH_SECS, OutputChunk } from "../../../wire/job_tail.ts";
import { jobOutputSubject, jobTailSubject } from "../../../wire/subjects.ts";
import { askAgent } from "../../ask_agent.ts";
import { Bell } from "../../bell.ts";
import type { Bus } from "../../bus.ts";
import type { Log } from "../../log.ts";
import { ByteWindow } from "./byte_window.ts";
import { withoutLossyEnd } from "./utf8_end.ts";

const ANSWER_WITHIN_MS = 3_000;
/** A watch of 30 s is renewed so often: two renewals may be lost. */
const RENEW_MS = 10_000;
/** How often an agent is asked that cannot be watched (wire.md §4), and one that does not answer. */
const POLL_MS = 1_000;
const AWAY_MS = 2_000;
/** At least between two questions, however much is missing. */
const SHORTEST_MS = 100;
/** Bytes by which two answers of an agent that counts none are laid over each other. */
const OVERLAP_BYTES = 4_096;

export interface FeedTools {
  readonly bus: Pick<Bus, "request" | "listen">;
  readonly log: Log;
}

/**
 * What one run prints, from one subscription to its agent, for any number of viewers (wire.md §4). It ends when the
 * run's result is committed.
 *
 * 1. A piece that got lost is asked for again; what the agent does not have any more is skipped.
 * 2. The bytes of a window are those that the script printed; of an agent that is polled, those of its text.
 */
export class OutputFeed {
  readonly windows: Readonly<Record<OutputStream, ByteWindow>> = {
    stdout: new ByteWindow(),
    stderr: new ByteWindow(),
  };
  readonly #run: Pick<WholeRun, "pcId" | "resultId">;
  readonly #tools: FeedTools;
  readonly #bell = new Bell();
  readonly #listeners = new Set<() => void>();
  #source: SourceEvent["state"] | undefined;
  #isDone = false;
  #settled: WholeRun | undefined;

  constructor(run: Pick<WholeRun, "pcId" | "resultId">, tools: FeedTools) {
    this.#run = run;
    this.#tools = tools;
  }

  /** Undefined until the agent was asked for the first time. */
  get source(): SourceEvent["state"] | undefined {
    return this.#source;
  }

  /** The run with its stored output, once it is committed. */
  get settled(): WholeRun | undefined {
    return this.#settled;
  }

  /** Calls with everything that is new; returns the unsubscribe. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The result is committed: this is its row. */
  settle(run: WholeRun): void {
    this.#settled = run;
    this.#changed();
  }

  /** Says why nobody asks the agent. */
  leaveAlone(why: "busy" | "away"): void {
    this.#becomes(why);
  }

  /** Follows the agent until the signal aborts or the run has ended there. */
  async follow(signal: AbortSignal): Promise<void> {
    const { bus } = this.#tools;
    const { pcId, resultId } = this.#run;
    const unsubscribe = bus.listen(
      jobOutputSubject(pcId, resultId),
      (body) => this.#takeChunk(body),
    );
    const ring = () => this.#bell.ring();
    signal.addEventListener("abort", ring, { once: true });
    try {
      while (!signal.aborted && !this.#isDone) {
        const pauseMs = await this.#ask();
        await new Promise((resolve) => setTimeout(resolve, SHORTEST_MS));
        await this.#bell.heard(pauseMs);
      }
    } finally {
      signal.removeEventListener("abort", ring);
      unsubscribe();
    }
  }

  /** Asks for what comes after what is here. @returns how long to leave the agent alone, milliseconds */
  async #ask(): Promise<number> {
    const reply = await this.#reply();
    if (reply?.found !== true) {
      if (!this.#isDone) this.#becomes("away");
      return AWAY_MS;
    }
    if (typeof reply.stdout_offset !== "number") return this.#poll(reply);
    this.windows.stdout.skipTo(reply.stdout_offset);
    this.windows.stderr.skipTo(reply.stderr_offset ?? 0);
    this.#becomes("watched");
    return RENEW_MS;
  }

  /** Undefined when the agent does not answer, or answers what cannot be read. */
  async #reply(): Promise<JobTailReply | undefined> {
    const { bus, log } = this.#tools;
    const { pcId, resultId } = this.#run;
    const question = {
      result_id: resultId,
      watch_secs: MAX_WATCH_SECS,
      stdout_from: this.windows.stdout.end,
      stderr_from: this.windows.stderr.end,
    };
    try {
      const bytes = await askAgent(bus, {
        pcId,
        subjectOf: jobTailSubject,
        body: question,
        timeoutMs: ANSWER_WITHIN_MS,
      });
      return bytes && decode(JobTailReply, "tail reply", bytes);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      log.warn("no tail from the agent", { pcId, resultId, error: messageOf(thrown) });
      return undefined;
    }
  }

  /** Takes the text of an agent that neither counts bytes nor can be watched. */
  #poll(reply: JobTailReply): number {
    for (const stream of OUTPUT_STREAMS) {
      // What the answer ends in may be half a character: the next one has it whole.
      const text = Buffer.from(withoutLossyEnd(reply[stream]));
      if (reply[`${stream}_truncated`]) layOver(this.windows[stream], text);
      else this.windows[stream].take(0, text);
    }
    this.#becomes("polled");
    return POLL_MS;
  }

  #takeChunk(body: Uint8Array): void {
    let chunk: OutputChunk;
    try {
      chunk = decode(OutputChunk, "output chunk", body);
    } catch (thrown) {
      this.#tools.log.debug("output chunk not readable", { why: messageOf(thrown) });
      return;
    }
    const { stream, offset, data, done } = chunk;
    if (!this.windows[stream].take(offset, Buffer.from(data, "base64"))) this.#bell.ring();
    // Both streams end in one turn of the agent, standard error last.
    else if (done === true && stream === "stderr") this.#isDone = true;
    this.#changed();
  }

  #becomes(source: SourceEvent["state"]): void {
    this.#source = source;
    this.#changed();
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** Adds what of a text that lost its beginning comes after what is there. */
function layOver(window: ByteWindow, text: Buffer): void {
  const end = window.from(window.end - OVERLAP_BYTES, OVERLAP_BYTES).bytes;
  const at = end.length === 0 ? -1 : text.lastIndexOf(end);
  // Nobody knows how much is missing: one byte, so that each viewer sees that something is.
  if (at === -1) window.skipTo(window.end + 1);
  window.take(window.end, at === -1 ? text : text.subarray(at + end.length));
}
