/** Where a command shows what it found. A test has one of its own. */
export interface Terminal {
  /** Whether somebody watches: progress is drawn in place, and tables are cut to the width. */
  readonly isInteractive: boolean;
  readonly columns: number;
  /** What was asked for. */
  readonly out: (text: string) => void;
  /** What is said about it. */
  readonly err: (text: string) => void;
}

/** Columns of a terminal that does not say how wide it is. */
const DEFAULT_COLUMNS = 80;

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return {
    isInteractive: process.stdout.isTTY && process.stderr.isTTY,
    columns: process.stdout.columns ?? DEFAULT_COLUMNS,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
  };
}

// Of what comes from elsewhere none may steer the terminal.
const CONTROL = /\p{Cc}/gu;

/** The text on one line, with every control character shown as a blank. */
export function oneLine(text: string): string {
  return text.replaceAll(CONTROL, " ");
}
