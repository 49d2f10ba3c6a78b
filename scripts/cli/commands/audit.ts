import type { Command } from "commander";
import * as v from "valibot";
import { AuditAnswer } from "../../../wire/http_audit.ts";
import {
  addCommand,
  type CommonOptions,
  connect,
  type Session,
  showList,
  showMore,
} from "../command.ts";
import type { Column } from "../table.ts";

interface AuditOptions extends CommonOptions {
  readonly limit?: string;
  readonly cursor?: string;
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
  addCommand(program, "audit", "who did what, the newest first")
    .option("--actor <name>", "only what somebody did")
    .option("--action <action>", "only what was done so, such as job_create")
    .option("--target <part>", "only what was done to what is called so, or a part of that")
    .option("--outcome <outcome>", "allowed, refused, or interrupted (cut off before its end)")
    .option("--from <time>", "only from this RFC 3339 time on")
    .option("--to <time>", "only before this RFC 3339 time")
    .option("--limit <count>", "how many", "20")
    .option("--cursor <cursor>", "go on where a list ended")
    .action(async (options: AuditOptions) => {
      const client = await connect(session, options);
      const { limit, cursor, actor, action, target, outcome, from, to } = options;
      const page = await client.page(v.array(AuditAnswer), "/api/audit", {
        query: { limit, cursor, actor, action, target, outcome, from, to },
      });
      showList(session, options, page.rows, COLUMNS);
      showMore(session, page);
    });
}
