import pino from "pino";
import { Fault } from "../wire/fault.ts";

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What varies of a line. Never a secret, argument, environment or output above debug. */
export type LogFields = Readonly<Record<string, unknown>>;

/** A fixed lower-case phrase and its fields: one line per state change. */
export interface Log {
  debug(phrase: string, fields?: LogFields): void;
  info(phrase: string, fields?: LogFields): void;
  warn(phrase: string, fields?: LogFields): void;
  error(phrase: string, fields?: LogFields): void;
  /** A log that adds these fields to every line. */
  child(fields: LogFields): Log;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** For a terminal; otherwise one JSON document per line. */
  readonly pretty: boolean;
  /** Gets each line with its line feed; standard error unless given. */
  readonly write?: (line: string) => void;
}

/** A log over pino. Errors in fields become their message, and their code when they are Faults. */
export function createLog(options: LogOptions): Log {
  const write = options.write ?? ((line) => void process.stderr.write(line));
  const stream = options.pretty ? { write: (line: string) => write(prettyLine(line)) } : { write };
  const logger = pino(
    {
      level: options.level,
      base: null,
      messageKey: "phrase",
      formatters: { level: (level) => ({ level }) },
      timestamp: () => `,"at":"${new Date().toISOString()}"`,
    },
    stream,
  );
  return wrap(logger);
}

function wrap(logger: pino.Logger): Log {
  return {
    debug: (phrase, fields) => logger.debug(plain(fields), phrase),
    info: (phrase, fields) => logger.info(plain(fields), phrase),
    warn: (phrase, fields) => logger.warn(plain(fields), phrase),
    error: (phrase, fields) => logger.error(plain(fields), phrase),
    child: (fields) => wrap(logger.child(plain(fields))),
  };
}

function plain(fields: LogFields = {}): Record<string, unknown> {
  const entries = Object.entries(fields).map(([name, value]) => [name, plainValue(value)]);
  return Object.fromEntries(entries) as Record<string, unknown>;
}

function plainValue(value: unknown): unknown {
  if (value instanceof Fault) return `${value.code}: ${value.message}`;
  if (value instanceof Error) return value.message;
  return value;
}

const LEVEL_WIDTH = 5;

/** `12:00:00.000 info  execution completed execId="…"` of a JSON line. */
function prettyLine(line: string): string {
  const { at, level, phrase, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  const time = String(at).slice(11, 23);
  return `${time} ${String(level).padEnd(LEVEL_WIDTH)} ${String(phrase)}${rest.join("")}\n`;
}
