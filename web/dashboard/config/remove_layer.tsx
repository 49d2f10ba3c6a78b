import { useState } from "preact/hooks";
import { CONFIG_FIELDS } from "../../../wire/config.ts";
import { Confirm } from "../../shared/ui/confirm.tsx";
import { sayDone } from "../../shared/ui/toasts.tsx";
import { layerWords, scopeWords } from "./fields.ts";
import { removeLayer, type StoredLayer } from "./layer.ts";

/** Takes a layer away, where there is one. */
export function RemoveLayer({ layer, stored, reach, onRemoved }: {
  readonly layer: string;
  readonly stored: StoredLayer;
  readonly reach: string;
  readonly onRemoved: () => void;
}) {
  const [isAsking, setAsking] = useState(false);
  const count = CONFIG_FIELDS.filter((field) => stored.config[field] != null).length;
  if (count === 0) return null;
  const remove = async () => {
    await removeLayer(layer, stored.etag);
    sayDone(`Nothing is set for ${layerWords(layer)} any more.`);
    onRemoved();
  };
  return (
    <>
      <button type="button" class="button quiet" onClick={() => setAsking(true)}>Take away</button>
      {isAsking && (
        <Confirm
          title={`Set nothing for ${layerWords(layer)}?`}
          action={`Take ${count} ${count === 1 ? "field" : "fields"} away from ${reach}`}
          onDo={remove}
          onClose={() => setAsking(false)}
        >
          <p>It says now: {scopeWords(stored.config)}. Then the other layers decide.</p>
        </Confirm>
      )}
    </>
  );
}
