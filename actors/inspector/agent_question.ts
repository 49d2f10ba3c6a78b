/** One question to an agent about its commands, and what came of it. */
import { decode } from "../../wire/codec.ts";
import { CommandStatesReply, type CommandStatesRequest } from "../../wire/command_states.ts";
import { Fault, messageOf } from "../../wire/fault.ts";
import { isTooDeep } from "../../wire/json_depth.ts";
import { commandStatesSubject, pingSubject } from "../../wire/subjects.ts";
import { askAgent } from "../ask_agent.ts";
import type { Bus } from "../bus.ts";
import type { Log } from "../log.ts";

const ANSWER_WITHIN_MS = 3_000;

/** What an agent tells, or why nothing is known. */
export type Told =
  | { readonly telling: "tells"; readonly reply: CommandStatesReply }
  | { readonly telling: "silent" | "away" | "unreachable" };

export interface QuestionTools {
  readonly bus: Pick<Bus, "request">;
  readonly log: Log;
}

/** Asks once. Never rejects for what an agent or the broker does. */
export async function askForCommands(
  { bus, log }: QuestionTools,
  pcId: string,
  question: CommandStatesRequest,
): Promise<Told> {
  try {
    const asked = { pcId, timeoutMs: ANSWER_WITHIN_MS };
    const states = { ...asked, subjectOf: commandStatesSubject, body: question };
    const bytes = await askAgent(bus, states);
    if (bytes !== undefined) return { telling: "tells", reply: readReply(bytes) };
    // One that answers pings is there, and does not know the question.
    const beat = await askAgent(bus, { ...asked, subjectOf: pingSubject, body: {} });
    return { telling: beat === undefined ? "away" : "silent" };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    log.debug("no commands from the agent", { pcId, why: messageOf(thrown) });
    return { telling: thrown.code === "invalid_input" ? "silent" : "unreachable" };
  }
}

/** @throws {Fault} `invalid_input` */
function readReply(bytes: Uint8Array): CommandStatesReply {
  const reply = decode(CommandStatesReply, "commands of an agent", bytes);
  if (!reply.commands.some(({ context }) => isTooDeep(context))) return reply;
  throw new Fault("invalid_input", "Cannot read the commands of an agent: they nest too deep");
}
