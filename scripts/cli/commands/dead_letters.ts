import type { Command } from "commander";
import { DeadLetterAnswer, ReplayAnswer } from "../../../wire/http.ts";
import { addCommand, type CommonOptions, connect, type Session, show } from "../command.ts";
import { EXIT } from "../exit_codes.ts";
import { addPaging, type PageOptions, showRows } from "../list.ts";
import type { Column } from "../table.ts";

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

  addPaging(addCommand(deadLetters, "list", "the newest first"), "20").action(
    (options: PageOptions) =>
      showRows(session, options, {
        row: DeadLetterAnswer,
        path: "/api/dead-letters",
        columns: COLUMNS,
      }),
  );

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
