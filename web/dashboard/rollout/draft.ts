/** A rollout as it is typed, and the plan that it means. */
import type { Target } from "../../../wire/plan.ts";
import { namesSomebody, NOBODY } from "../targets.tsx";

export type WavesBy = "shares" | "groups";

/** Texts as they were typed: what they must be, the server says. */
export interface DraftWave {
  /** Percent of the PCs, with the waves before it. */
  readonly percent: string;
  readonly group: string;
  readonly delay: string;
}

export interface RolloutDraft {
  readonly job: string;
  readonly by: WavesBy;
  /** Of shares; groups are their own. */
  readonly target: Target;
  readonly waves: readonly DraftWave[];
  readonly soak: string;
  /** `3` PCs or `5%` of a wave; empty = it never stops by itself. */
  readonly stopAt: string;
}

const SHARES = ["1", "10", "100"];

/** Where one begins to type. */
export function firstDraft(job: string): RolloutDraft {
  return { job, by: "shares", target: NOBODY, waves: sharesWaves(), soak: "10m", stopAt: "5%" };
}

/** The waves that one begins with, by kind. */
export function firstWaves(by: WavesBy): readonly DraftWave[] {
  return by === "shares" ? sharesWaves() : [waveOf("groups", 0)];
}

/** One more wave. */
export function waveOf(by: WavesBy, index: number): DraftWave {
  return { percent: "", group: "", delay: by === "groups" && index === 0 ? "0s" : "" };
}

function sharesWaves(): readonly DraftWave[] {
  return SHARES.map((percent) => ({ percent, group: "", delay: "" }));
}

/** What is still to be typed before the server can be asked; undefined = nothing. */
export function whatIsMissing({ job, by, target, waves }: RolloutDraft): string | undefined {
  if (job === "") return "Choose a job.";
  if (by === "shares" && !namesSomebody(target)) return "Say where it is to run.";
  const isTyped = ({ percent, group, delay }: DraftWave) =>
    by === "shares" ? percent.trim() !== "" : group.trim() !== "" && delay.trim() !== "";
  if (waves.every(isTyped)) return undefined;
  return by === "shares"
    ? "Say how much each wave is."
    : "Say for each wave which group it is, and when.";
}

/** The plan, as `POST /api/exec` takes it. */
export function planOf({ by, target, waves, soak, stopAt }: RolloutDraft): unknown {
  return {
    ...(by === "shares" ? { target } : {}),
    rollout: {
      strategy: "wave",
      waves: waves.map(({ percent, group, delay }) => ({
        ...(by === "shares" ? { percent: numberOr(percent) } : { group: group.trim() }),
        ...(delay.trim() === "" ? {} : { delay: delay.trim() }),
      })),
      ...(soak.trim() === "" ? {} : { soak: soak.trim() }),
      ...(stopAt.trim() === "" ? {} : { stop_at: limitOf(stopAt.trim()) }),
    },
  };
}

function limitOf(text: string): unknown {
  return text.endsWith("%")
    ? { percent: numberOr(text.slice(0, -1)) }
    : { failures: numberOr(text) };
}

/** The number that was typed; else the text, which the server refuses with its place. */
function numberOr(text: string): number | string {
  const trimmed = text.trim();
  return trimmed === "" || Number.isNaN(Number(trimmed)) ? trimmed : Number(trimmed);
}
