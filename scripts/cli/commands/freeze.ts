import type { Command } from "commander";
import * as v from "valibot";
import { FreezeAnswer } from "../../../wire/http_schedules.ts";
import { addCommand, type CommonOptions, connect, type Session, show } from "../command.ts";
import { showOne } from "../list.ts";
import { renderFacts } from "../table.ts";

interface SetOptions extends CommonOptions {
  readonly from?: string;
  readonly until?: string;
  readonly reason?: string;
  readonly tz?: string;
}

const PATH = "/api/freeze";

const HELP = `
A bound is a day (2026-12-24), a day and a time ("2026-12-24 18:00") or an RFC 3339 time. Without --from it holds at
once, without --until until it is cleared. What people start by themselves is not stopped.

Examples:
  kanade freeze set --from 2026-12-23 --until 2027-01-02 --reason "year's end"
  kanade freeze set --reason "something is wrong"`;

/** The freeze: while it holds no schedule fires. */
export function addFreeze(program: Command, session: Session): void {
  const freeze = program.command("freeze").description("stop all schedules for a time");

  addCommand(freeze, "set", "stop all scheduled fires")
    .option("--from <bound>", "when it begins")
    .option("--until <bound>", "when it ends; a day is meant whole")
    .option("--reason <text>", "why, for those who wonder")
    .option(
      "--tz <zone>",
      "by whose clocks bounds without a zone are meant: local (of the backend) or utc",
    )
    .addHelpText("after", HELP)
    .action(async (options: SetOptions) => {
      const { from, until, reason, tz } = options;
      const client = await connect(session, options);
      const answer = await client.put(FreezeAnswer, PATH, {
        ...(from === undefined ? {} : { from }),
        ...(until === undefined ? {} : { until }),
        ...(reason === undefined ? {} : { reason }),
        ...(tz === undefined ? {} : { tz }),
      });
      show(session, options, answer, freezeText);
    });

  addCommand(freeze, "show", "whether schedules are stopped").action((options: CommonOptions) =>
    showOne(session, options, { schema: v.nullable(FreezeAnswer), path: PATH }, freezeText)
  );

  addCommand(freeze, "clear", "let schedules fire again").action(
    async (options: CommonOptions) => {
      const client = await connect(session, options);
      await client.delete(PATH);
      show(session, options, null, freezeText);
    },
  );
}

function freezeText(freeze: FreezeAnswer | null): string {
  if (freeze === null) return "not frozen\n";
  return renderFacts([
    ["frozen now", freeze.frozen ? "yes" : "no"],
    ["from", freeze.from ?? "at once"],
    ["until", freeze.until ?? "it is cleared"],
    ["clocks", freeze.tz],
    ["reason", freeze.reason ?? null],
    ...(freeze.problem === null ? [] : [["problem", freeze.problem] as const]),
  ]);
}
