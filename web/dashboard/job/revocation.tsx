/** The kill switch of a job. */
import { useState } from "preact/hooks";
import { Confirm } from "../../shared/ui/confirm.tsx";
import { sayProblem } from "../../shared/ui/toasts.tsx";
import { setRevoked } from "./statuses.ts";

interface SwitchProps {
  readonly jobId: string;
  /** In a row of a table. */
  readonly small?: boolean;
}

export function RevokeButton({ jobId, small = false }: SwitchProps) {
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <button
        type="button"
        class={small ? "button small" : "button danger"}
        onClick={() => setAsking(true)}
      >
        Revoke
      </button>
      {isAsking && (
        <Confirm
          title={`Revoke ${jobId}?`}
          action="Revoke 1 job"
          onDo={() => setRevoked(jobId, true)}
          onClose={() => setAsking(false)}
        >
          <p>
            Every agent skips it from now on, also what was sent to machines that are away. What
            runs already goes on.
          </p>
        </Confirm>
      )}
    </>
  );
}

export function AllowButton({ jobId, small = false }: SwitchProps) {
  const allow = () =>
    setRevoked(jobId, false).catch((thrown: unknown) => sayProblem("Cannot allow it", thrown));
  return (
    <button
      type="button"
      class={small ? "button small" : "button"}
      onClick={() => void allow()}
    >
      Allow again
    </button>
  );
}
