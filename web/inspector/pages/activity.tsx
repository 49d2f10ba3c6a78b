/** What all machines of the process do, as a sample. */
import { useState } from "preact/hooks";
import type { ActivityEvent } from "../../../wire/http_inspector.ts";
import { linkTo } from "../../shared/router.ts";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty } from "../../shared/ui/states.tsx";
import { Time } from "../../shared/ui/time.tsx";
import { useFeed } from "../feed.ts";
import { Sampling } from "../sampling.tsx";

/** Rows that are kept. */
const KEPT = 200;

interface Seen {
  readonly told: ActivityEvent["told"];
  readonly count: number;
  readonly leftOut: number;
}

export function ActivityPage() {
  const [seen, setSeen] = useState<Seen>({ told: [], count: 0, leftOut: 0 });
  const feed = useFeed({ activity: true }, {
    activity: (event: ActivityEvent) =>
      setSeen((before) => ({
        told: [...event.told.toReversed(), ...before.told].slice(0, KEPT),
        count: before.count + event.seen,
        leftOut: before.leftOut + event.seen - event.told.length,
      })),
  });
  return (
    <>
      <PageHead title="Activity" />
      <p class="lead">
        Every event that a machine of this process takes, after its commit. Beyond what an eye can
        follow it is a sample.
      </p>
      <Sampling {...feed} leftOut={seen.leftOut} />
      <section class="card" aria-label="Events">
        {seen.told.length === 0
          ? (
            <Empty icon="now" title="Nothing has happened since this page was opened">
              <p>Send a script to a PC, and its execution will show here.</p>
            </Empty>
          )
          : <Rows told={seen.told} />}
      </section>
    </>
  );
}

function Rows({ told }: { readonly told: ActivityEvent["told"] }) {
  return (
    <div class="table-wrap" tabIndex={0} role="region" aria-label="Events, newest first">
      <table>
        <thead>
          <tr>
            <th scope="col">At</th>
            <th scope="col">Machine</th>
            <th scope="col">Event</th>
            <th scope="col">Is then</th>
            <th scope="col">Which</th>
          </tr>
        </thead>
        <tbody>
          {told.map(({ at, machine, id, event, states }, index) => (
            <tr key={`${at} ${id} ${event} ${told.length - index}`}>
              <td>
                <Time at={at} />
              </td>
              <td>{machine.replaceAll("_", " ")}</td>
              <td>
                <code>{event}</code>
              </td>
              <td>{states.at(-1)}</td>
              <td>
                <a class="mono" href={linkOf(machine, id)}>{id.slice(0, 36)}</a>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function linkOf(machine: string, id: string): string {
  return machine === "execution"
    ? linkTo(["executions", id])
    : linkTo(["machines", machine], { live: id });
}
