import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Confirm } from "../shared/ui/confirm.tsx";
import { Icon } from "../shared/ui/icons.tsx";

/** Ends something that runs, after a question that says how much of it. */
export function KillButton({ title, action, onKill, children }: {
  /** What is asked. */
  readonly title: string;
  /** What is done, with its count. */
  readonly action: string;
  readonly onKill: () => Promise<unknown>;
  /** What becomes of it, and of the rest. */
  readonly children: ComponentChildren;
}) {
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <button type="button" class="button danger" onClick={() => setAsking(true)}>
        <Icon name="stop" />
        Kill
      </button>
      {isAsking && (
        <Confirm
          title={title}
          action={action}
          onDo={onKill}
          onClose={() => setAsking(false)}
        >
          <p>{children} This cannot be taken back.</p>
        </Confirm>
      )}
    </>
  );
}
