import type { Bus } from "../../actors/bus.ts";
import { decode } from "../../wire/codec.ts";
import { Command } from "../../wire/command.ts";
import { COMMANDS_ALL } from "../../wire/subjects.ts";
import { publishResult, publishStarted } from "./fleet_messages.ts";

/** PCs that one connection stands for: it takes their commands and answers in their names. */
export interface CommandTakers extends AsyncDisposable {
  /** Who ran what so far, in the order of starting: `pc_id` by request; each request once per PC, as an agent does it. */
  ran(requestId: string): readonly string[];
  /** Every command that came, by subject, in order. */
  readonly heard: readonly { readonly subject: string; readonly command: Command }[];
}

export interface TakersOptions {
  readonly bus: Bus;
  readonly pcIds: readonly string[];
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  /** The exit code of a PC's run; null = it starts and does not end. */
  readonly exitCode?: (pcId: string, command: Command) => number | null;
  /** Whether a PC's run is skipped. */
  readonly skips?: (pcId: string) => boolean;
  /** When a PC begins with what it has taken. */
  readonly begins?: (pcId: string) => Promise<unknown>;
}

export function takeCommands(
  { bus, pcIds, groups = {}, exitCode = () => 0, skips = () => false, begins = atOnce }:
    TakersOptions,
): CommandTakers {
  const taken = new Map<string, string[]>();
  const heard: { subject: string; command: Command }[] = [];
  const publishing = new Set<Promise<unknown>>();
  const subscription = bus.connection.subscribe("commands.>", {
    callback: (error, message) => {
      if (error !== null) throw error;
      const command = decode(Command, "command", message.data);
      heard.push({ subject: message.subject, command });
      for (const pcId of addressed(message.subject)) run(command, pcId);
    },
  });

  function addressed(subject: string): readonly string[] {
    if (subject === COMMANDS_ALL) return pcIds;
    const [, kind, name = ""] = subject.split(".");
    return kind === "pc" ? pcIds.filter((pcId) => pcId === name) : groups[name] ?? [];
  }

  function run(command: Command, pcId: string): void {
    const ran = taken.get(command.request_id) ?? [];
    taken.set(command.request_id, ran);
    if (ran.includes(pcId)) return;
    ran.push(pcId);
    const ids = {
      resultId: `${command.request_id}-${pcId}`,
      requestId: command.request_id,
      execId: command.exec_id ?? "",
      pcId,
    };
    const code = exitCode(pcId, command);
    const done = begins(pcId).then(() => publishStarted(bus, ids)).then(() =>
      code === null ? undefined : publishResult(bus, ids, { exit_code: code, skipped: skips(pcId) })
    );
    publishing.add(done);
    void done.finally(() => publishing.delete(done));
  }

  return {
    heard,
    ran: (requestId) => taken.get(requestId) ?? [],
    async [Symbol.asyncDispose]() {
      subscription.unsubscribe();
      await Promise.all(publishing);
    },
  };
}

async function atOnce(): Promise<void> {}
