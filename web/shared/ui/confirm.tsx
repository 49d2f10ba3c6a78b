import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { Problem } from "./states.tsx";
import { sayProblem } from "./toasts.tsx";

/** Asks before something is done that cannot be taken back, and shows it when it fails. */
export function Confirm(
  { title, action, danger = true, off = false, onDo, onClose, children }: {
    readonly title: string;
    /** What the button says: the thing itself, and never "OK". */
    readonly action: string;
    readonly danger?: boolean;
    /** Nothing is chosen that could be done. */
    readonly off?: boolean;
    readonly onDo: () => Promise<unknown>;
    readonly onClose: () => void;
    readonly children?: ComponentChildren;
  },
) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const isOpen = useRef(true);
  useEffect(() => () => void (isOpen.current = false), []);
  const act = async () => {
    setBusy(true);
    setError(undefined);
    try {
      await onDo();
      onClose();
    } catch (thrown) {
      // Whoever has closed the question is told all the same.
      if (!isOpen.current) return sayProblem(action, thrown);
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
        <Button
          class={danger ? "button primary danger" : "button primary"}
          off={busy || off}
          onClick={() => void act()}
        >
          {action}
        </Button>
      </div>
    </Dialog>
  );
}
