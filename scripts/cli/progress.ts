import { oneLine, type Terminal } from "./terminal.ts";

/** How far an execution is, in PCs. */
export interface Progress {
  readonly targets: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly skipped: number;
  readonly expired: number;
  readonly running: number;
}

/** A run that just ended. */
export interface Ended {
  readonly pcId: string;
  readonly outcome: string;
  readonly exitCode: number | null;
}

/** Shows how an execution goes on: one line that is drawn anew on a terminal, a line for each end elsewhere. */
export interface ProgressView {
  readonly update: (progress: Progress, ended: readonly Ended[]) => void;
  /** Leaves the line as it is; what comes next begins a new one. */
  readonly close: () => void;
}

const BAR_CELLS = 24;
const ERASE_LINE = "\r\u001b[2K";

export function createProgressView(terminal: Terminal): ProgressView {
  return terminal.isInteractive ? drawnLine(terminal) : plainLines(terminal);
}

function drawnLine(terminal: Terminal): ProgressView {
  let drawn = false;
  return {
    update: (progress) => {
      drawn = true;
      terminal.err(`${ERASE_LINE}${progressLine(progress).slice(0, terminal.columns - 1)}`);
    },
    close: () => {
      if (drawn) terminal.err("\n");
    },
  };
}

function plainLines(terminal: Terminal): ProgressView {
  return {
    update: (_progress, ended) => {
      for (const { pcId, outcome, exitCode } of ended) {
        terminal.err(
          `${oneLine(pcId)} ${outcome}${exitCode === null ? "" : ` (exit ${exitCode})`}\n`,
        );
      }
    },
    close: () => {},
  };
}

/** `[#####...]  3/10  succeeded 2, failed 1, running 4` */
export function progressLine({ targets, running, ...ends }: Progress): string {
  const ended = Math.min(targets, ends.succeeded + ends.failed + ends.skipped + ends.expired);
  const filled = targets === 0 ? 0 : Math.floor(BAR_CELLS * ended / targets);
  const bar = `[${"#".repeat(filled)}${".".repeat(BAR_CELLS - filled)}]`;
  const parts = Object.entries({ ...ends, running })
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`);
  return `${bar}  ${ended}/${targets}  ${parts.join(", ")}`.trimEnd();
}
