import type { Command } from "commander";
import * as v from "valibot";
import { addCommand, type CommonOptions, connect, type Session, show } from "../command.ts";
import { renderFacts } from "../table.ts";

const RebuildAnswer = v.object({
  audit: v.number(),
  events: v.number(),
  results: v.number(),
  copied_executions: v.number(),
  copied_runs: v.number(),
  duration_ms: v.number(),
});
type RebuildAnswer = v.InferOutput<typeof RebuildAnswer>;

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
