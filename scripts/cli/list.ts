import type { Command } from "commander";
import * as v from "valibot";
import { type CommonOptions, connect, type Session, show, showList, showMore } from "./command.ts";
import type { Column } from "./table.ts";

/** Options of a list that comes page by page. */
export interface PageOptions extends CommonOptions {
  readonly limit?: string;
  readonly cursor?: string;
}

/** Adds the options of a list that comes page by page. @param limit rows of a page unless somebody says */
export function addPaging(command: Command, limit: string): Command {
  return command
    .option("--limit <count>", "how many", limit)
    .option("--cursor <cursor>", "go on where a list ended");
}

interface RowList<Row extends v.GenericSchema> {
  readonly row: Row;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly columns: readonly Column<v.InferOutput<Row>>[];
}

/** Shows a list that the API tells, or one page of it and how to see more. */
export async function showRows<Row extends v.GenericSchema>(
  session: Session,
  options: PageOptions,
  { row, path, query, columns }: RowList<Row>,
): Promise<void> {
  const client = await connect(session, options);
  const { limit, cursor } = options;
  const page = await client.page(v.array(row), path, { query: { limit, cursor, ...query } });
  showList(session, options, page.rows, columns);
  showMore(session, page);
}

/** Shows one thing that the API tells. */
export async function showOne<S extends v.GenericSchema>(
  session: Session,
  options: CommonOptions,
  { schema, path }: { readonly schema: S; readonly path: string },
  render: (value: v.InferOutput<S>) => string,
): Promise<void> {
  const client = await connect(session, options);
  show(session, options, await client.get(schema, path), render);
}
