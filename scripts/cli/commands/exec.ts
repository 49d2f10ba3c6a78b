import type { Command } from "commander";
import { DispatchAnswerBody } from "../../../wire/http.ts";
import { type PlannedWaveAnswer, PlanPreview } from "../../../wire/http_rollouts.ts";
import { decodePlan } from "../../../wire/plan.ts";
import { showAccepted, type WaitOptions } from "../accepted_execution.ts";
import { addCommand, collect, connect, type Session, show } from "../command.ts";
import { orSuggest } from "../suggest.ts";
import { jobIds } from "./jobs.ts";
import { EXIT } from "../exit_codes.ts";
import { rolloutOf, type RolloutOptions } from "../rollout_options.ts";
import { type Column, renderTable } from "../table.ts";

interface ExecOptions extends WaitOptions, RolloutOptions {
  readonly pc?: readonly string[];
  readonly group?: readonly string[];
  readonly all?: boolean;
  readonly jitter?: string;
  readonly deadline?: string;
  readonly preview?: boolean;
}

const WAVE_COLUMNS: readonly Column<PlannedWaveAnswer>[] = [
  { heading: "wave", text: ({ wave }) => wave },
  { heading: "who", text: whoOf },
  { heading: "pcs", text: ({ target_count }) => target_count },
  { heading: "online", text: ({ online_count }) => online_count },
  { heading: "after, s", text: ({ delay_secs }) => delay_secs },
  { heading: "the first of them", text: ({ pcs }) => pcs.join(", ") || null },
];

const HELP = `
Without --wait or --follow it ends as soon as the execution is accepted. With one of them it ends with ${EXIT.ok} only when
every PC succeeded, else with ${EXIT.failed}.

Examples:
  kanade exec inventory --all --jitter 5m
  kanade exec patch --group canary --pc pc-17 --wait
  kanade exec patch --all --waves 1%,10%,100% --soak 10m --stop-at 5%
  kanade exec patch --all --waves 1%,10%,100% --preview
  kanade exec patch --wave canary:0s --wave office:1h`;

export function addExec(program: Command, session: Session, end: (exitCode: number) => void): void {
  addCommand(program, "exec <job>", "fire a job at PCs")
    .option("--pc <pc>", "a PC (may be given several times)", collect)
    .option("--group <group>", "a group (may be given several times)", collect)
    .option("--all", "every PC that is known")
    .option(
      "--wave <group:delay>",
      "a group so long after the start (may be given several times)",
      collect,
    )
    .option("--waves <shares>", "growing shares of the PCs, one after the other: 1%,10%,100%")
    .option("--soak <duration>", "how long each wave is watched before the next one")
    .option("--stop-at <limit>", "no further wave after so many failures (3), or in one wave (5%)")
    .option("--jitter <duration>", "each PC waits up to this long before it starts")
    .option("--deadline <time>", "no PC starts after this RFC 3339 time")
    .option("--preview", "only say whom it would reach, and send nothing")
    .option("--wait", "wait until every PC has ended")
    .option("-f, --follow", "show what every PC prints, and wait")
    .addHelpText("after", HELP)
    .action(async (jobId: string, options: ExecOptions) => {
      end(await exec(session, jobId, options));
    });
}

async function exec(session: Session, jobId: string, options: ExecOptions): Promise<number> {
  const plan = decodePlan({
    target: { all: options.all ?? false, groups: options.group ?? [], pcs: options.pc ?? [] },
    ...rolloutOf(options),
    ...(options.jitter === undefined ? {} : { jitter: options.jitter }),
    ...(options.deadline === undefined ? {} : { deadline_at: options.deadline }),
  });
  const client = await connect(session, options);
  const path = `/api/exec/${encodeURIComponent(jobId)}`;
  const asked = <T>(ask: () => Promise<T>) => orSuggest(jobId, () => jobIds(client), ask);
  if (options.preview) {
    const body = JSON.stringify(plan);
    const preview = await asked(() => client.post(PlanPreview, `${path}/preview`, { body }));
    show(session, options, preview, ({ waves }) => renderTable(WAVE_COLUMNS, waves));
    return EXIT.ok;
  }
  const accepted = await asked(() => client.postOnce(DispatchAnswerBody, path, plan));
  return await showAccepted(session, client, accepted, options);
}

function whoOf({ group, percent }: PlannedWaveAnswer): string {
  if (group !== null) return group;
  return percent === null ? "everybody" : `${percent} %`;
}
