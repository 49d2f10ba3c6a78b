import type { Msg, Subscription } from "nats";
import type { Bus } from "../actors/bus.ts";
import type { Log } from "../actors/log.ts";
import { COMMANDS_ALL, commandsForGroup, commandsForPc, KILLS } from "../wire/subjects.ts";
import { defineAgentActor } from "./capabilities.ts";
import type { Commands } from "./commands.ts";
import { groupsOf } from "./profile.ts";
import { Replay } from "./replay.ts";
import { headersOf } from "./signature_gate.ts";
import { isStrayAnswer } from "./stray_answer.ts";
import { whenAborted } from "./when_aborted.ts";

/**
 * Hears commands and kills: by core subscriptions while it is connected, and from the retained newest
 * command of each subject (agent.md §1.1). Both feed the same intake; admission tells them apart.
 */
export const intake = defineAgentActor({
  name: "intake",
  permissions: { identity: true, link: true, facts: true, commands: true },
  handles: "commands and kills",
  run: async ({ identity, link, facts, commands, log, signal, ready, handled }) => {
    const { pcId, ownCredential } = identity;
    ready();
    const bus = await link.connected(signal);
    const take: Commands["take"] = (bytes, headers) => {
      handled();
      return commands.take(bytes, headers);
    };
    const heard = new HeardSubjects(bus, take, log);
    const replay = new Replay({ bus, pcId, mayMake: !ownCredential, take, log });
    const listen = () => {
      const groups = groupsOf(facts, pcId);
      heard.set([COMMANDS_ALL, commandsForPc(pcId), ...groups.map(commandsForGroup)]);
      replay.setGroups(groups);
    };
    const kills = bus.connection.subscribe(KILLS, {
      callback: (error, message) => {
        if (error !== null) return log.warn("cannot hear kills", { error });
        if (isStrayAnswer(message)) return log.warn("not a kill", { subject: message.subject });
        handled();
        commands.kill(message.subject.slice("kill.".length));
      },
    });
    listen();
    const stops = [
      facts.onChange((bucket) => bucket === "agent_groups" && listen()),
      link.onStatus((connected) => {
        if (!connected) return;
        // What the broker refused before, it may permit now: a new group comes with new rights.
        listen();
        // Asked after kills are heard: none falls between.
        void commands.killForgotten();
      }),
    ];
    try {
      await Promise.race([replay.run(signal), whenAborted(signal)]);
    } finally {
      for (const stop of stops) stop();
      if (!kills.isClosed()) kills.unsubscribe();
      heard.set([]);
    }
  },
});

/** The live subscriptions: one per subject, following the groups. */
class HeardSubjects {
  readonly #bus: Bus;
  readonly #take: Commands["take"];
  readonly #log: Log;
  readonly #subscriptions = new Map<string, Subscription>();

  constructor(bus: Bus, take: Commands["take"], log: Log) {
    this.#bus = bus;
    this.#take = take;
    this.#log = log;
  }

  set(subjects: readonly string[]): void {
    for (const [subject, subscription] of this.#subscriptions) {
      if (subjects.includes(subject)) continue;
      if (!subscription.isClosed()) subscription.unsubscribe();
      this.#subscriptions.delete(subject);
    }
    for (const subject of subjects) {
      const isHeard = this.#subscriptions.get(subject)?.isClosed() === false;
      if (!isHeard) this.#subscriptions.set(subject, this.#hear(subject));
    }
  }

  #hear(subject: string): Subscription {
    return this.#bus.connection.subscribe(subject, {
      callback: (error: Error | null, message: Msg) => {
        if (error !== null) return this.#log.warn("cannot hear commands", { subject, error });
        if (isStrayAnswer(message)) return this.#log.warn("not a command", { subject });
        void this.#take(message.data, headersOf(message));
      },
    });
  }
}
