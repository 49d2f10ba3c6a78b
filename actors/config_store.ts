/** The layers of what agents are told to do: KV `agent_config` (wire.md §4). */
import { decode, encode } from "../wire/codec.ts";
import {
  configKey,
  type ConfigLayer,
  type ConfigPlace,
  configPlaceOfKey,
  configPlacesOf,
  configPlaceText,
  ConfigScope,
  setFields,
} from "../wire/config.ts";
import type { AgentDirectory } from "./agent_directory.ts";
import {
  deleteVersioned,
  type Expected,
  readVersioned,
  type Versioned,
  versionedOf,
  writeVersioned,
} from "./kv_revision.ts";
import type { Kv, KvEntry } from "./kv_types.ts";

/** Layers that concern one PC. */
export interface LayersOfPc {
  /** Those that have a value, in the order in which they are laid over each other. */
  readonly layers: readonly ConfigLayer[];
  /** Layers whose value cannot be read, and why: an agent keeps what it read of them before. */
  readonly problems: readonly { readonly place: ConfigPlace; readonly problem: string }[];
}

/** A layer that has a value, whether it can be read or not. */
export interface StoredLayer extends Versioned<ConfigScope> {
  readonly place: ConfigPlace;
}

/** Every function may throw the Faults of the bus. */
export interface ConfigStore {
  read(place: ConfigPlace): Promise<Versioned<ConfigScope>>;
  /** @returns the new revision @throws {Fault} `stale` */
  write(place: ConfigPlace, scope: ConfigScope, expected: Expected): Promise<number>;
  /** @throws {Fault} `stale` */
  remove(place: ConfigPlace, expected: Expected): Promise<void>;
  layersOf(pcId: string, groups: readonly string[]): Promise<LayersOfPc>;
  /** Every layer that has a value: the one for every PC, those of groups, those of PCs, by name. */
  list(): Promise<readonly StoredLayer[]>;
}

/** The store over its bucket. @param names where a key does not hold the name itself */
export function createConfigStore(kv: Kv, names: Pick<AgentDirectory, "nameOf">): ConfigStore {
  const read = (place: ConfigPlace) => readVersioned(kv, configKey(place), scopeIn);
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
    async list() {
      const stored = (await kv.entries()).flatMap((entry) => storedLayer(entry, names));
      return stored.toSorted((a, b) => a.order < b.order ? -1 : 1).map(({ layer }) => layer);
    },
  };
}

function scopeIn(bytes: Uint8Array): ConfigScope {
  return setFields(decode(ConfigScope, "config", bytes));
}

/** The layer of an entry with its place in the list; none for a key that is no layer's. */
function storedLayer(entry: KvEntry, names: Pick<AgentDirectory, "nameOf">) {
  const place = configPlaceOfKey(entry.key);
  if (place === undefined) return [];
  const named = place.kind === "global"
    ? place
    : { ...place, name: names.nameOf(place.kind, place.name) };
  // In the alphabet, too, all PCs come before groups, and groups before single PCs.
  return [{
    order: configPlaceText(named),
    layer: { place: named, ...versionedOf(entry, scopeIn) },
  }];
}
