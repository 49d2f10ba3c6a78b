import { may } from "../../shared/session.ts";
import { Loadable } from "../../shared/ui/states.tsx";
import { FreezeButton, FreezeNotice, useFreeze } from "../schedule/freeze.tsx";

/** Whether schedules may fire. */
export function FreezeCard() {
  const freeze = useFreeze();
  return (
    <section class="card" aria-label="Freeze">
      <div class="card-head">
        <h2>Freeze</h2>
        {may("operator") && freeze.data !== undefined && <FreezeButton stored={freeze.data} />}
      </div>
      <div class="card-body">
        <Loadable query={freeze}>
          {({ freeze }) =>
            freeze === null
              ? <p class="muted">None is set: schedules fire at their times.</p>
              : <FreezeNotice freeze={freeze} />}
        </Loadable>
      </div>
    </section>
  );
}
