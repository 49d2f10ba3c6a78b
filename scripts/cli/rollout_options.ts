import { Fault } from "../../wire/fault.ts";

/** What `kanade exec` is told of waves. */
export interface RolloutOptions {
  /** `group:delay`. */
  readonly wave?: readonly string[];
  /** `1%,10%,100%`. */
  readonly waves?: string;
  readonly soak?: string;
  /** `3` or `5%`. */
  readonly stopAt?: string;
}

/** The rollout of a plan; nothing where no waves are asked for. @throws {Fault} `invalid_input` */
export function rolloutOf(options: RolloutOptions): { readonly rollout?: unknown } {
  const { wave = [], waves, soak, stopAt } = options;
  const planned = [...wave.map(groupWave), ...(waves?.split(",") ?? []).map(shareWave)];
  if (planned.length === 0) {
    if (soak === undefined && stopAt === undefined) return {};
    throw refused(soak === undefined ? "--stop-at" : "--soak", "needs --wave or --waves");
  }
  return {
    rollout: {
      strategy: "wave",
      waves: planned,
      ...(soak === undefined ? {} : { soak }),
      ...(stopAt === undefined ? {} : { stop_at: limitOf(stopAt) }),
    },
  };
}

function groupWave(text: string): { readonly group: string; readonly delay: string } {
  const colon = text.lastIndexOf(":");
  if (colon > 0) return { group: text.slice(0, colon), delay: text.slice(colon + 1) };
  throw refused("--wave", `must be a group and a delay such as canary:10m, not "${text}"`);
}

function shareWave(text: string): { readonly percent: number } {
  const percent = percentOf(text.trim());
  if (percent !== undefined) return { percent };
  throw refused("--waves", `must be percentages such as 1%,10%,100%, not "${text}"`);
}

function limitOf(text: string): { readonly percent: number } | { readonly failures: number } {
  const percent = percentOf(text);
  if (percent !== undefined) return { percent };
  if (/^\d+$/.test(text)) return { failures: Number(text) };
  throw refused("--stop-at", `must be a number of PCs or a percentage, not "${text}"`);
}

function percentOf(text: string): number | undefined {
  const [, percent] = /^(\d+(?:\.\d+)?)\s*%$/.exec(text) ?? [];
  return percent === undefined ? undefined : Number(percent);
}

function refused(option: string, why: string): Fault {
  return new Fault("invalid_input", `Cannot use ${option}: ${why}`, { details: { path: option } });
}
