import type { Log } from "../actors/log.ts";
import { formatInstant } from "../wire/time.ts";

const KEPT_LINES = 2_000;
const KEPT_CHARS = 524_288;

/** The last lines of the agent's own log, for `logs.fetch`. */
export class LogTail {
  #lines: string[] = [];
  #chars = 0;

  add(line: string): void {
    this.#lines.push(line);
    this.#chars += line.length;
    while (this.#lines.length > KEPT_LINES || this.#chars > KEPT_CHARS) {
      this.#chars -= this.#lines.shift()?.length ?? 0;
    }
  }

  /** The newest lines, oldest first, within so many bytes of UTF-8; the whole lines that fit. */
  last(lines: number, maxBytes: number): string {
    const taken: string[] = [];
    let bytes = 0;
    for (const line of this.#lines.slice(-Math.max(1, lines)).reverse()) {
      bytes += Buffer.byteLength(line) + 1;
      if (bytes > maxBytes || lines === 0) break;
      taken.push(line);
    }
    return taken.reverse().map((line) => `${line}\n`).join("");
  }
}

/** A log that also keeps its lines, from `info` up, in a tail. */
export function withTail(log: Log, tail: LogTail, clock: { now(): number }): Log {
  const fields: Record<string, unknown> = {};
  return tee(log, fields, (level, phrase, all) => {
    const details = Object.keys(all).length === 0 ? "" : ` ${JSON.stringify(all, plain)}`;
    tail.add(`${formatInstant(clock.now())} ${level} ${phrase}${details}`);
  });
}

type Keep = (level: string, phrase: string, fields: Record<string, unknown>) => void;

function tee(log: Log, common: Readonly<Record<string, unknown>>, keep: Keep): Log {
  const at = (level: "info" | "warn" | "error"): Log["info"] => (phrase, fields) => {
    log[level](phrase, fields);
    keep(level, phrase, { ...common, ...fields });
  };
  return {
    debug: (phrase, fields) => log.debug(phrase, fields),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (fields) => tee(log.child(fields), { ...common, ...fields }, keep),
  };
}

function plain(_key: string, value: unknown): unknown {
  return value instanceof Error ? value.message : value;
}
