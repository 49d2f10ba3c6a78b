import { setTimeout as sleep } from "node:timers/promises";
import { RunAnswer, TailAnswer } from "../../wire/http.ts";
import type { ApiClient } from "./api_client.ts";
import { type CommonOptions, type Session, show } from "./command.ts";
import { EXIT } from "./exit_codes.ts";

/** How often a run that goes on is asked for more: the agent keeps its last 128 KiB for each answer. */
const ASK_AGAIN_MS = 1_000;
/** Text by which two answers are laid over each other once the beginning is gone. */
const OVERLAP_CHARACTERS = 4_096;

/**
 * Shows what a run has said so far, and with `follow` what it goes on to say until it ends.
 *
 * @returns the exit code: the run's own when it was followed to its end
 */
export async function followOutput(
  session: Session,
  client: ApiClient,
  resultId: string,
  options: CommonOptions & { readonly follow?: boolean },
): Promise<number> {
  const path = `/api/results/${encodeURIComponent(resultId)}`;
  const readTail = () => client.get(TailAnswer, `${path}/tail`);
  let tail = await readTail();
  if (options.follow !== true) {
    show(session, options, tail, ({ stdout }) => stdout);
    if (options.json !== true) session.terminal.err(tail.stderr);
    return EXIT.ok;
  }
  let [stdout, stderr] = ["", ""];
  for (;;) {
    // While the agent does not answer there is nothing to lay over what was shown.
    if (tail.live || !tail.running) {
      if (options.json !== true) {
        session.terminal.out(newPart(stdout, tail.stdout));
        session.terminal.err(newPart(stderr, tail.stderr));
      }
      [stdout, stderr] = [tail.stdout, tail.stderr];
    }
    if (!tail.running) break;
    await sleep(ASK_AGAIN_MS, undefined, { signal: session.signal });
    tail = await readTail();
  }
  if (options.json === true) show(session, options, await client.get(RunAnswer, path), String);
  return ownExitCode(tail.exit_code);
}

/** What of `now` comes after `before`, where `now` may have lost its beginning. */
export function newPart(before: string, now: string): string {
  if (now.startsWith(before)) return now.slice(before.length);
  const end = before.slice(-OVERLAP_CHARACTERS);
  const at = now.lastIndexOf(end);
  return at === -1 ? now : now.slice(at + end.length);
}

function ownExitCode(exitCode: number | null): number {
  return exitCode !== null && exitCode >= 0 && exitCode <= 255 ? exitCode : EXIT.failed;
}
