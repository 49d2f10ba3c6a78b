import { AgentGroups } from "../wire/agent_groups.ts";
import { decode } from "../wire/codec.ts";
import {
  type AgentConfig,
  configKey,
  configPlacesOf,
  ConfigScope,
  resolveConfig,
} from "../wire/config.ts";
import { key, whyNotAName } from "../wire/ids.ts";
import type { Facts } from "./facts.ts";

/** The groups of a PC as last read, those that can be a part of a subject. */
export function groupsOf(facts: Facts, pcId: string): readonly string[] {
  const value = facts.known("agent_groups", key(pcId))?.value;
  if (!value) return [];
  const { groups } = decode(AgentGroups, "groups", Buffer.from(value));
  return groups.filter((group) => whyNotAName(group) === undefined);
}

/** What a PC goes by: every layer of `agent_config` as last read, resolved. */
export function configOf(facts: Facts, pcId: string): AgentConfig {
  const layers = configPlacesOf(pcId, groupsOf(facts, pcId)).flatMap((place) => {
    const scope = scopeOf(facts, configKey(place));
    return scope === null ? [] : [{ place, scope }];
  });
  return resolveConfig(layers);
}

/** The keys of KV `agent_config` that concern a PC. */
export function configKeys(pcId: string, groups: readonly string[]): readonly string[] {
  return configPlacesOf(pcId, groups).map(configKey);
}

function scopeOf(facts: Facts, factKey: string): ConfigScope | null {
  const value = facts.known("agent_config", factKey)?.value;
  return value ? decode(ConfigScope, "config", Buffer.from(value)) : null;
}
