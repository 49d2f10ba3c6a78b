import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

/** A question in front of the page. The browser keeps the focus inside, and Escape closes it; then it goes back. */
export function Dialog({ title, wide = false, onClose, children }: {
  readonly title: string;
  readonly wide?: boolean;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  // With the key that asks for it: the next key may be Escape.
  useLayoutEffect(() => {
    const asker = document.activeElement;
    dialog.current?.showModal();
    return () => queueMicrotask(() => giveFocusBack(asker));
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "dialog wide" : "dialog"}
      aria-labelledby={titleId}
      onClose={onClose}
    >
      <div class="stack">
        <h2 id={titleId}>{title}</h2>
        {children}
      </div>
    </dialog>
  );
}

/** A button that has done its work may be gone: then the page sees to it (`focus.ts`). */
function giveFocusBack(asker: Element | null): void {
  if (asker instanceof HTMLElement && asker.isConnected) asker.focus({ preventScroll: true });
}
