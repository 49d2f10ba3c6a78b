import type { WholeRun } from "../../db/results.ts";
import { decode } from "../../wire/codec.ts";
import { Fault, messageOf } from "../../wire/fault.ts";
import type { TailAnswer } from "../../wire/http.ts";
import { whyNotAName } from "../../wire/ids.ts";
import { JobTailReply } from "../../wire/job_tail.ts";
import { jobTailSubject } from "../../wire/subjects.ts";
import { askAgent } from "../ask_agent.ts";
import type { Call } from "./route.ts";

/** How long an agent may take (http-api.md). */
const TIMEOUT_MS = 3_000;

/**
 * What a run has printed. A settled one is answered from its row. One in flight is running until
 * its result is committed, whatever its agent says, because only then the exit code is known.
 */
export async function tail(call: Call, run: WholeRun): Promise<TailAnswer> {
  if (run.outcome !== null) {
    return {
      running: false,
      live: false,
      stdout: run.stdout,
      stderr: run.stderr,
      stdout_truncated: run.stdoutTruncated,
      stderr_truncated: run.stderrTruncated,
      exit_code: run.exitCode,
    };
  }
  const reply = await askForTail(call, run);
  return {
    running: true,
    live: reply !== undefined,
    stdout: reply?.stdout ?? "",
    stderr: reply?.stderr ?? "",
    stdout_truncated: reply?.stdout_truncated ?? false,
    stderr_truncated: reply?.stderr_truncated ?? false,
    exit_code: null,
  };
}

/** Undefined when the agent does not answer, does not know the run, or answers what cannot be read. */
async function askForTail(
  { services }: Call,
  { pcId, resultId }: WholeRun,
): Promise<JobTailReply | undefined> {
  // A row of a foreign agent may hold what no subject can.
  if (whyNotAName(pcId) !== undefined) return undefined;
  try {
    const question = { result_id: resultId };
    const bytes = await askAgent(services.bus, {
      pcId,
      subjectOf: jobTailSubject,
      body: question,
      timeoutMs: TIMEOUT_MS,
    });
    const reply = bytes && decode(JobTailReply, "tail reply", bytes);
    return reply?.found === true ? reply : undefined;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    services.log.warn("no tail from the agent", { pcId, resultId, error: messageOf(thrown) });
    return undefined;
  }
}
