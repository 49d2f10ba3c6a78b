import type { Command } from "commander";
import { ObsEventAnswer } from "../../../wire/http_obs.ts";
import { addCommand, type Session } from "../command.ts";
import { addPaging, type PageOptions, showRows } from "../list.ts";
import type { Column } from "../table.ts";

interface ListOptions extends PageOptions {
  readonly pc?: string;
  readonly kind?: string;
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
  const obs = addCommand(program, "obs", "what endpoints noticed, the last to come in first");
  addPaging(obs, "20")
    .option("--pc <pc>", "only of this PC")
    .option("--kind <kind>", "only of this kind, such as outbox_stuck")
    .action((options: ListOptions) =>
      showRows(session, options, {
        row: ObsEventAnswer,
        path: "/api/obs",
        query: { pc_id: options.pc, kind: options.kind },
        columns: COLUMNS,
      })
    );
}
