/** The fields of the agents' config, in words. */
import { CONFIG_FIELDS, type ConfigField, type ConfigScope } from "../../../wire/config.ts";
import { linkTo } from "../../shared/router.ts";

export interface FieldWords {
  readonly label: string;
  /** What it does. */
  readonly means: string;
  /** What may be typed. */
  readonly example: string;
}

export const FIELD_WORDS: Readonly<Record<ConfigField, FieldWords>> = {
  heartbeat_interval: {
    label: "Heartbeat",
    means: "How often an agent says that it is there.",
    example: "30s",
  },
  max_local_concurrent: {
    label: "Runs at a time",
    means: "More wait on the machine until there is room.",
    example: "4",
  },
  target_version: {
    label: "Agent's version",
    means: "The version that an agent is to be of.",
    example: "1.4.2",
  },
  target_version_jitter: {
    label: "Spread of updates",
    means: "Each agent waits up to this long before it changes its version.",
    example: "10m",
  },
  host_perf_interval: {
    label: "Measured every",
    means: "How often an agent measures what it takes of its machine.",
    example: "60s",
  },
};

/** `Heartbeat 10s, runs at a time 4`; empty where nothing is set. */
export function scopeWords(scope: ConfigScope): string {
  return CONFIG_FIELDS.filter((field) => scope[field] != null)
    .map((field) => `${FIELD_WORDS[field].label.toLowerCase()} ${scope[field]}`)
    .join(", ");
}

/** `every PC`, `the group tills`, `pc-7` */
export function layerWords(layer: string): string {
  const [kind = "", name = ""] = layerParts(layer);
  if (kind === "groups") return `the group ${name}`;
  return kind === "pcs" ? name : "every PC";
}

/** The link to a layer's page. */
export function layerLink(layer: string): string {
  return linkTo(["config", ...layerParts(layer)]);
}

/** A name holds no slash that would be a part of the path: it is cut at the first one. */
export function layerParts(layer: string): readonly string[] {
  const slash = layer.indexOf("/");
  return slash === -1 ? [layer] : [layer.slice(0, slash), layer.slice(slash + 1)];
}
