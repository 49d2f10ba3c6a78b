import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Dialog } from "./dialog.tsx";
import { Problem } from "./states.tsx";

/** Asks before something is done that cannot be taken back, and shows it when it fails. */
export function Confirm(
  { title, action, danger = true, disabled = false, onDo, onClose, children }: {
    readonly title: string;
    /** What the button says: the thing itself, and never "OK". */
    readonly action: string;
    readonly danger?: boolean;
    readonly disabled?: boolean;
    readonly onDo: () => Promise<unknown>;
    readonly onClose: () => void;
    readonly children?: ComponentChildren;
  },
) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const act = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await onDo();
      onClose();
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      {children}
      {error !== undefined && <Problem error={error} />}
      <div class="actions">
        <button type="button" class="button" onClick={onClose}>Cancel</button>
        <button
          type="button"
          class={danger ? "button primary danger" : "button primary"}
          disabled={busy || disabled}
          onClick={() => void act()}
        >
          {action}
        </button>
      </div>
    </Dialog>
  );
}
