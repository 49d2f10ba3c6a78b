import type { Log } from "../actors/log.ts";
import type { Clock } from "../actors/system/clock.ts";
import type { Ending } from "../machines/agent_command.ts";
import { legacyResultId } from "../wire/ids.ts";
import type { Outbox } from "./outbox.ts";
import { type CommandIds, noteOf } from "./result.ts";
import { writeUnrun } from "./unrun.ts";

export interface RefusalsOptions {
  readonly pcId: string;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly log: Log;
}

/** As many are known again when they come a second time, by replay or by another subject. */
const REMEMBERED = 10_000;

/** How a command ends that its signature, or its envelope, keeps out. */
export function refused(why: string): Ending {
  return { kind: "failed", reason: "signature_refused", why: `refused: ${why}` };
}

/**
 * Reports commands that the first gate keeps out (agent.md §1.3), and those that this agent cannot read. They never see
 * the ledger: what a stranger sends must not take the place of a request that is to come. So the id of the result is
 * derived from the request's.
 */
export class Refusals {
  readonly #options: RefusalsOptions;
  /** Result ids, oldest first. */
  readonly #reported = new Set<string>();

  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  /** The result is durable when it returns. @throws the system's error when it cannot be written */
  async report(ids: CommandIds, ending: Ending): Promise<void> {
    const { pcId, outbox, log } = this.#options;
    const resultId = legacyResultId(ids.request_id, pcId);
    if (this.#reported.has(resultId)) return;
    this.#remember(resultId);
    const why = noteOf(ending);
    log.warn("command refused", { requestId: ids.request_id, execId: ids.exec_id, why });
    try {
      await writeUnrun(this.#options, { ids, resultId, ending });
    } catch (thrown) {
      this.#reported.delete(resultId);
      throw thrown;
    }
    outbox.release(resultId);
  }

  #remember(resultId: string): void {
    this.#reported.add(resultId);
    for (const oldest of this.#reported) {
      if (this.#reported.size <= REMEMBERED) break;
      this.#reported.delete(oldest);
    }
  }
}
