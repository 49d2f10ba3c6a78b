import type { Command } from "commander";
import * as v from "valibot";
import { DeadLetterAnswer, ReplayAnswer } from "../../../wire/http.ts";
import {
  addCommand,
  type CommonOptions,
  connect,
  type Session,
  show,
  showList,
  showMore,
} from "../command.ts";
import { EXIT } from "../exit_codes.ts";
import type { Column } from "../table.ts";

interface ListOptions extends CommonOptions {
  readonly limit?: string;
  readonly cursor?: string;
}

const COLUMNS: readonly Column<DeadLetterAnswer>[] = [
  { heading: "id", text: (row) => row.id },
  { heading: "stream", text: (row) => row.stream },
  { heading: "sequence", text: (row) => row.sequence },
  { heading: "published", text: (row) => row.published_at },
  { heading: "subject", text: (row) => row.subject },
  { heading: "error", text: (row) => row.error },
];

/** Messages that could not be projected. */
export function addDeadLetters(
  program: Command,
  session: Session,
  end: (exitCode: number) => void,
): void {
  const deadLetters = program.command("dead-letters").description(
    "messages that could not be projected",
  );

  addCommand(deadLetters, "list", "the newest first")
    .option("--limit <count>", "how many", "20")
    .option("--cursor <cursor>", "go on where a list ended")
    .action(async (options: ListOptions) => {
      const client = await connect(session, options);
      const { limit, cursor } = options;
      const page = await client.page(v.array(DeadLetterAnswer), "/api/dead-letters", {
        query: { limit, cursor },
      });
      showList(session, options, page.rows, COLUMNS);
      showMore(session, page);
    });

  addCommand(deadLetters, "replay <id>", "project one again, with its own time").action(
    async (id: string, options: CommonOptions) => {
      const client = await connect(session, options);
      const answer = await client.post(ReplayAnswer, `${pathOf(id)}/replay`);
      show(
        session,
        options,
        answer,
        ({ error }) => error === null ? "projected\n" : `still not projected: ${error}\n`,
      );
      end(answer.projected ? EXIT.ok : EXIT.failed);
    },
  );

  addCommand(deadLetters, "delete <id>", "forget one for good").action(
    async (id: string, options: CommonOptions) => {
      const client = await connect(session, options);
      await client.delete(pathOf(id));
      show(session, options, { id, deleted: true }, () => `dead letter ${id} is deleted\n`);
    },
  );
}

function pathOf(id: string): string {
  return `/api/dead-letters/${encodeURIComponent(id)}`;
}
