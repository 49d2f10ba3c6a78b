import type { Command } from "commander";
import { AuditAnswer } from "../../../wire/http_audit.ts";
import { addCommand, type Session } from "../command.ts";
import { addPaging, type PageOptions, showRows } from "../list.ts";
import type { Column } from "../table.ts";

interface AuditOptions extends PageOptions {
  readonly actor?: string;
  readonly action?: string;
  readonly target?: string;
  readonly outcome?: string;
  readonly from?: string;
  readonly to?: string;
}

const COLUMNS: readonly Column<AuditAnswer>[] = [
  { heading: "at", text: (row) => row.occurred_at },
  { heading: "actor", text: (row) => row.actor },
  { heading: "action", text: (row) => row.action },
  { heading: "target", text: (row) => row.target },
  { heading: "outcome", text: (row) => row.outcome },
];

/** Who did what to which, and what became of it. */
export function addAudit(program: Command, session: Session): void {
  addPaging(addCommand(program, "audit", "who did what, the newest first"), "20")
    .option("--actor <name>", "only what somebody did")
    .option("--action <action>", "only what was done so, such as job_create")
    .option("--target <part>", "only what was done to what is called so, or a part of that")
    .option("--outcome <outcome>", "allowed, refused, or interrupted (cut off before its end)")
    .option("--from <time>", "only from this RFC 3339 time on")
    .option("--to <time>", "only before this RFC 3339 time")
    .action((options: AuditOptions) => {
      const { actor, action, target, outcome, from, to } = options;
      return showRows(session, options, {
        row: AuditAnswer,
        path: "/api/audit",
        query: { actor, action, target, outcome, from, to },
        columns: COLUMNS,
      });
    });
}
