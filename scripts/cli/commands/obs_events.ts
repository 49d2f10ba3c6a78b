import type { Command } from "commander";
import * as v from "valibot";
import { ObsEventAnswer } from "../../../wire/http_obs.ts";
import {
  addCommand,
  type CommonOptions,
  connect,
  type Session,
  showList,
  showMore,
} from "../command.ts";
import type { Column } from "../table.ts";

interface ListOptions extends CommonOptions {
  readonly pc?: string;
  readonly kind?: string;
  readonly limit?: string;
  readonly cursor?: string;
}

const COLUMNS: readonly Column<ObsEventAnswer>[] = [
  { heading: "at", text: (row) => row.at },
  { heading: "pc", text: (row) => row.pc_id },
  { heading: "kind", text: (row) => row.kind },
  { heading: "source", text: (row) => row.source },
  { heading: "payload", text: (row) => row.payload === null ? null : JSON.stringify(row.payload) },
];

/** What endpoints noticed. */
export function addObsEvents(program: Command, session: Session): void {
  addCommand(program, "obs", "what endpoints noticed, the last to come in first")
    .option("--pc <pc>", "only of this PC")
    .option("--kind <kind>", "only of this kind, such as outbox_stuck")
    .option("--limit <count>", "how many", "20")
    .option("--cursor <cursor>", "go on where a list ended")
    .action(async (options: ListOptions) => {
      const client = await connect(session, options);
      const { pc: pc_id, kind, limit, cursor } = options;
      const page = await client.page(v.array(ObsEventAnswer), "/api/obs", {
        query: { pc_id, kind, limit, cursor },
      });
      showList(session, options, page.rows, COLUMNS);
      showMore(session, page);
    });
}
