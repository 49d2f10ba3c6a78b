import { refreshSoon } from "../../shared/queries.ts";
import { changeWords, type LastChange, lastChange } from "../last_change.ts";
import { scopeWords } from "./fields.ts";
import { readLayer, type StoredLayer } from "./layer.ts";

/** What somebody stored while one was typing. */
export interface NewerLayer {
  readonly stored: StoredLayer;
  readonly change: LastChange | undefined;
}

const AUDITED = ["config_set", "config_delete"];

/** What is shown of it elsewhere is loaded again, too. @throws {ApiError} */
export async function newerLayer(layer: string): Promise<NewerLayer> {
  refreshSoon(["config"]);
  const [stored, change] = await Promise.all([readLayer(layer), lastChange(layer, AUDITED)]);
  return { stored, change };
}

/** Says that what was typed is not stored, and whose change came first. */
export function Newer({ newer: { stored, change }, onTheirs, onMine }: {
  readonly newer: NewerLayer;
  readonly onTheirs: () => void;
  readonly onMine: () => void;
}) {
  return (
    <div class="problem" role="alert">
      <p>
        Not saved: {changeWords(change)}. It says now: {scopeWords(stored.config) || "nothing"}.
      </p>
      <div class="row">
        <button type="button" class="button small" onClick={onTheirs}>Show theirs</button>
        <button type="button" class="button small" onClick={onMine}>Save mine over it</button>
      </div>
    </div>
  );
}
