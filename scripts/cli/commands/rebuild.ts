import type { Command } from "commander";
import { RebuildAnswer } from "../../../wire/http.ts";
import { addCommand, type CommonOptions, connect, type Session, show } from "../command.ts";
import { renderFacts } from "../table.ts";

export function addRebuild(program: Command, session: Session): void {
  addCommand(program, "rebuild", "build the database anew from the streams, beside the one in use")
    .action(async (options: CommonOptions) => {
      const client = await connect(session, options);
      show(session, options, await client.post(RebuildAnswer, "/api/rebuild"), reportText);
    });
}

function reportText(report: RebuildAnswer): string {
  return renderFacts([
    ["results read", report.results],
    ["started events read", report.events],
    ["audit events read", report.audit],
    ["executions kept from the old rows", report.copied_executions],
    ["runs kept from the old rows", report.copied_runs],
    ["seconds", (report.duration_ms / 1_000).toFixed(1)],
  ]);
}
