/** The freeze: no schedule fires while it holds. */
import { useState } from "preact/hooks";
import type { FreezeAnswer } from "../../../wire/http_schedules.ts";
import { ask } from "../../shared/api.ts";
import { refreshSoon } from "../../shared/queries.ts";
import { Confirm } from "../../shared/ui/confirm.tsx";
import { sayDone } from "../../shared/ui/toasts.tsx";

export function FreezeNotice({ freeze }: { readonly freeze: FreezeAnswer }) {
  const { frozen, problem, reason, until, from } = freeze;
  if (problem !== null) {
    return (
      <p class="notice" role="status">Nothing fires: the stored freeze cannot be read. {problem}</p>
    );
  }
  const words = frozen
    ? `Nothing fires${until == null ? "" : ` until ${until}`}`
    : `A freeze is set${from == null ? "" : ` from ${from}`}${
      until == null ? "" : ` until ${until}`
    }`;
  return <p class="notice" role="status">{words}{reason == null ? "." : `: ${reason}`}</p>;
}

export function FreezeButton({ freeze }: { readonly freeze: FreezeAnswer | null }) {
  const [isAsking, setAsking] = useState(false);
  const [reason, setReason] = useState("");
  const set = async () => {
    await ask("/api/freeze", {
      method: "PUT",
      body: reason.trim() === "" ? {} : { reason: reason.trim() },
    });
    refreshSoon(["freeze"]);
    refreshSoon(["schedules"]);
    sayDone("No schedule fires until the freeze is lifted.");
  };
  const lift = async () => {
    await ask("/api/freeze", { method: "DELETE" });
    refreshSoon(["freeze"]);
    refreshSoon(["schedules"]);
    sayDone("Schedules fire again.");
  };
  return (
    <>
      <button type="button" class="button" onClick={() => setAsking(true)}>
        {freeze === null ? "Freeze" : "Lift the freeze"}
      </button>
      {isAsking && freeze === null && (
        <Confirm
          title="Stop all schedules?"
          action="Freeze all schedules"
          onDo={set}
          onClose={() => setAsking(false)}
        >
          <p>No schedule fires until somebody lifts the freeze. What runs goes on.</p>
          <div class="field">
            <label for="freeze-reason">Why, for the others</label>
            <input
              id="freeze-reason"
              class="input"
              maxLength={500}
              value={reason}
              onInput={({ currentTarget }) => setReason(currentTarget.value)}
            />
          </div>
        </Confirm>
      )}
      {isAsking && freeze !== null && (
        <Confirm
          title="Let schedules fire again?"
          action="Lift the freeze"
          danger={false}
          onDo={lift}
          onClose={() => setAsking(false)}
        >
          <p>What was missed meanwhile is decided by each schedule's own deadline.</p>
        </Confirm>
      )}
    </>
  );
}
