import type { Database } from "../../db/client.ts";
import { readIndexWork } from "../../db/output_index.ts";
import { eventually } from "./wait.ts";

/** Ends when the index of outputs knows all that is written, and nothing that is gone. */
export async function indexed(db: Database): Promise<void> {
  await eventually("the outputs to be indexed", async () => {
    const { written, changed, dropped } = await readIndexWork(db);
    return !written && !changed && !dropped;
  }, 30_000);
}
