import type { Broker } from "../../actors/broker.ts";
import type { BackendOptions } from "./parts.ts";

/** Credentials of agents, on a broker of our own. */
export function enrolmentOn(
  broker: Broker,
): Required<Pick<BackendOptions, "admit" | "enrol" | "expel">> {
  return {
    admit: (pcId, groups) => broker.enrol(pcId, groups),
    expel: (pcId) => broker.expel(pcId),
    async enrol(pcId, groups) {
      const { user, password } = await broker.enrol(pcId, groups);
      return { user, password, url: broker.url, advertisedUrl: broker.advertisedUrl };
    },
  };
}
