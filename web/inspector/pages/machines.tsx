/** Every state machine of the program. */
import { linkTo } from "../../shared/router.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { Loadable } from "../../shared/ui/states.tsx";
import { useMachines } from "../queries.ts";

export function MachinesPage() {
  return (
    <>
      <PageHead title="Machines" />
      <p class="lead">
        Everything that lasts longer than one message is a state machine. Each is drawn from its own
        definition, so what you see is what runs.
      </p>
      <Loadable query={useMachines()}>
        {(machines) => (
          <ul class="machine-list">
            {machines.map(({ name, title, describes, states, live }) => (
              <li key={name}>
                <a class="tile" href={linkTo(["machines", name])}>
                  <strong>{title}</strong>
                  <span class="note">{describes}</span>
                  <span class="row small">
                    <span class="muted">{states === 1 ? "1 state" : `${states} states`}</span>
                    {live !== null && (
                      <span class="badge" data-tone={live > 0 ? "busy" : undefined}>
                        {live} live here
                      </span>
                    )}
                  </span>
                </a>
              </li>
            ))}
          </ul>
        )}
      </Loadable>
    </>
  );
}
