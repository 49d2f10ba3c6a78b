import type { Broker } from "../../actors/broker.ts";
import type { BackendOptions } from "./parts.ts";

/**
 * Credentials of agents, on a broker of our own.
 *
 * @param ownPcId whose agent runs in this process: it keeps its credential, and is heard again with its next heartbeat
 */
export function enrolmentOn(
  broker: Broker,
  ownPcId?: string,
): Required<Pick<BackendOptions, "admit" | "enrol" | "expel" | "isEnrolled">> {
  return {
    admit: async (pcId, groups) => {
      // A PC whose groups were not read yet keeps those that it has.
      if (groups !== undefined) await broker.admit(pcId, groups);
    },
    expel: async (pcId) => pcId !== ownPcId && await broker.expel(pcId),
    isEnrolled: (pcId) => broker.isEnrolled(pcId),
    async enrol(pcId, groups) {
      const { user, password } = await broker.enrol(pcId, groups);
      return { user, password, url: broker.url, advertisedUrl: broker.advertisedUrl };
    },
  };
}
