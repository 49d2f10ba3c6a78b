import { nuid } from "nats";
import { encode } from "../wire/codec.ts";
import { Fault } from "../wire/fault.ts";
import { answerSubject } from "../wire/subjects.ts";
import type { Bus } from "./bus.ts";

/** What one agent is asked. */
export interface Question {
  readonly pcId: string;
  /** Where agents are asked this, such as `pingSubject`. */
  readonly subjectOf: (pcId: string) => string;
  readonly body: unknown;
  readonly timeoutMs: number;
}

/**
 * One question to an agent, which answers where it alone may. Undefined when nobody answers in time, an agent that is away
 * included.
 *
 * @throws {Fault} `broker_unavailable` when there is no connection to ask through
 */
export async function askAgent(
  bus: Pick<Bus, "request">,
  { pcId, subjectOf, body, timeoutMs }: Question,
): Promise<Uint8Array | undefined> {
  try {
    const reply = answerSubject(pcId, nuid.next());
    return await bus.request(subjectOf(pcId), encode(body), { timeoutMs, reply });
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    // The broker says so at once when nobody listens to the subject.
    if (thrown.code === "timed_out" || thrown.details["noResponders"] === true) return undefined;
    throw thrown;
  }
}
