import type { DispatchAnswerBody } from "../../wire/http.ts";
import type { ApiClient } from "./api_client.ts";
import { type CommonOptions, type Session, show } from "./command.ts";
import { allSucceeded, endLine } from "./execution_end.ts";
import { EXIT } from "./exit_codes.ts";
import { followExecution } from "./follow_execution.ts";
import { followToEnd } from "./follow_outputs.ts";
import { createProgressView } from "./progress.ts";

export interface WaitOptions extends CommonOptions {
  readonly wait?: boolean;
  readonly follow?: boolean;
}

/** Says what was accepted and, where that was asked for, waits for its end. @returns the exit code */
export async function showAccepted(
  session: Session,
  client: ApiClient,
  accepted: DispatchAnswerBody,
  options: WaitOptions,
): Promise<number> {
  if (options.wait !== true && options.follow !== true) {
    show(session, options, accepted, acceptedLine);
    return EXIT.ok;
  }
  session.terminal.err(acceptedLine(accepted));
  if (options.follow === true) return followToEnd(session, client, accepted.exec_id, options);
  return waitForEnd(session, client, accepted.exec_id, options);
}

async function waitForEnd(
  session: Session,
  client: ApiClient,
  execId: string,
  options: CommonOptions,
): Promise<number> {
  const view = createProgressView(session.terminal);
  const follow = followExecution(client, execId, view.update, session.signal);
  const detail = await follow.finally(() => view.close());
  show(session, options, detail, ({ execution }) => endLine(execution));
  return allSucceeded(detail.execution) ? EXIT.ok : EXIT.failed;
}

function acceptedLine(
  { exec_id, job_id, version, target_count, published }: DispatchAnswerBody,
): string {
  const pcs = target_count === 1 ? "1 PC" : `${target_count} PCs`;
  const later = published ? "" : "; it goes out when the broker is back";
  return `${exec_id}: ${job_id} ${version} on ${pcs}${later}\n`;
}
