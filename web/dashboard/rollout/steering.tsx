/** What can be done with a rollout that goes on, by who may. */
import { useState } from "preact/hooks";
import type { RolloutDetail } from "../../../wire/http_rollouts.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { queries } from "../../shared/queries.ts";
import { shownCount, shownPcs } from "../../shared/time.ts";
import { Confirm } from "../../shared/ui/confirm.tsx";
import { sayDone } from "../../shared/ui/toasts.tsx";

type Wish = "pause" | "resume" | "abort";

const DONE = { pause: "Paused.", resume: "It goes on.", abort: "No further wave begins." };
const TITLES = {
  pause: "Pause this rollout?",
  resume: "Let this rollout go on?",
  abort: "Abort this rollout?",
};

export function Steering({ detail }: { readonly detail: RolloutDetail }) {
  const [wish, setWish] = useState<Wish>();
  const { exec_id, status } = detail.rollout;
  const steer = async (what: Wish) => {
    await ask(pathOf("api", "rollouts", exec_id, what), { method: "POST" });
    sayDone(DONE[what]);
    // What can be done next is there when the question goes.
    await queries.invalidateQueries({ queryKey: ["rollouts"] });
  };
  const isPaused = status === "paused";
  return (
    <>
      <button
        type="button"
        class="button"
        onClick={() => setWish(isPaused ? "resume" : "pause")}
      >
        {isPaused ? "Resume" : "Pause"}
      </button>
      <button type="button" class="button danger" onClick={() => setWish("abort")}>Abort</button>
      {wish !== undefined && (
        <Confirm
          title={TITLES[wish]}
          action={actionOf(wish, detail)}
          danger={wish === "abort"}
          onDo={() => steer(wish)}
          onClose={() => setWish(undefined)}
        >
          <p>{wordsOf(wish, detail)}</p>
        </Confirm>
      )}
    </>
  );
}

function actionOf(wish: Wish, detail: RolloutDetail): string {
  const rest = shownPcs(restOf(detail));
  return {
    pause: `Hold ${rest} back`,
    resume: `Go on to ${rest}`,
    abort: `Never send it to ${rest}`,
  }[wish];
}

function wordsOf(wish: Wish, detail: RolloutDetail): string {
  const waves = detail.waves.filter(({ began_at }) => began_at === null).length;
  const further = `${waves} further ${waves === 1 ? "wave" : "waves"} of ${
    shownPcs(restOf(detail))
  }`;
  const running = detail.waves.reduce((sum, { in_flight }) => sum + in_flight, 0);
  const goOn = running === 0
    ? "Nothing is in flight."
    : `${shownCount(running)} ${running === 1 ? "run" : "runs"} in flight ${
      running === 1 ? "goes" : "go"
    } on.`;
  return {
    pause: `There are ${further}: none begins until it is resumed. ${goOn}`,
    resume: `There are ${further}. It goes on where the pause began.`,
    abort: `There are ${further}: none ever begins. ${goOn} This cannot be taken back.`,
  }[wish];
}

/** PCs of waves that have not begun. */
function restOf({ waves }: RolloutDetail): number {
  return waves.filter(({ began_at }) => began_at === null)
    .reduce((sum, { target_count }) => sum + target_count, 0);
}
