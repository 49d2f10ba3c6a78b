/** The layers of what agents are told to do: KV `agent_config` (wire.md §4). */
import { decode, encode } from "../wire/codec.ts";
import {
  configKey,
  type ConfigLayer,
  type ConfigPlace,
  configPlacesOf,
  configPlaceText,
  ConfigScope,
  setFields,
} from "../wire/config.ts";
import {
  deleteVersioned,
  type Expected,
  readVersioned,
  type Versioned,
  writeVersioned,
} from "./kv_revision.ts";
import type { Kv } from "./kv_types.ts";

/** Layers that concern one PC. */
export interface LayersOfPc {
  /** Those that have a value, in the order in which they are laid over each other. */
  readonly layers: readonly ConfigLayer[];
  /** Layers whose value cannot be read, and why: an agent keeps what it read of them before. */
  readonly problems: readonly { readonly place: ConfigPlace; readonly problem: string }[];
}

/** Every function may throw the Faults of the bus. */
export interface ConfigStore {
  read(place: ConfigPlace): Promise<Versioned<ConfigScope>>;
  /** @returns the new revision @throws {Fault} `stale` */
  write(place: ConfigPlace, scope: ConfigScope, expected: Expected): Promise<number>;
  /** @throws {Fault} `stale` */
  remove(place: ConfigPlace, expected: Expected): Promise<void>;
  layersOf(pcId: string, groups: readonly string[]): Promise<LayersOfPc>;
}

/** The store over its bucket. */
export function createConfigStore(kv: Kv): ConfigStore {
  const read = (place: ConfigPlace) =>
    readVersioned(kv, configKey(place), (bytes) => setFields(decode(ConfigScope, "config", bytes)));
  const what = (place: ConfigPlace) => `the config ${JSON.stringify(configPlaceText(place))}`;
  return {
    read,
    write: (place, scope, expected) =>
      writeVersioned(kv, configKey(place), encode(setFields(scope)), {
        what: what(place),
        expected,
      }),
    remove: (place, expected) =>
      deleteVersioned(kv, configKey(place), { what: what(place), expected }),
    async layersOf(pcId, groups) {
      const stored = await Promise.all(
        configPlacesOf(pcId, groups).map(async (place) => ({ place, ...await read(place) })),
      );
      return {
        layers: stored.flatMap(({ place, value }) =>
          value === undefined ? [] : [{ place, scope: value }]
        ),
        problems: stored.flatMap(({ place, problem }) =>
          problem === null ? [] : [{ place, problem }]
        ),
      };
    },
  };
}
