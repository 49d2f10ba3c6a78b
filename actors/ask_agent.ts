import { encode } from "../wire/codec.ts";
import { Fault } from "../wire/fault.ts";
import type { Bus } from "./bus.ts";

/**
 * One question to an agent. Undefined when nobody answers in time, an agent that is away included.
 *
 * @throws {Fault} `broker_unavailable` when there is no connection to ask through
 */
export async function askAgent(
  bus: Pick<Bus, "request">,
  subject: string,
  question: unknown,
  timeoutMs: number,
): Promise<Uint8Array | undefined> {
  try {
    return await bus.request(subject, encode(question), { timeoutMs });
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    // The broker says so at once when nobody listens to the subject.
    if (thrown.code === "timed_out" || thrown.details["noResponders"] === true) return undefined;
    throw thrown;
  }
}
