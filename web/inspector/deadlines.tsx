/** The instants that an execution waits for, each with how far away it is. */
import type { DeadlineAnswer } from "../../wire/http_inspector.ts";
import { Away, Time } from "../shared/ui/time.tsx";

/** @param from the moment that is told of; null = now, second by second */
export function Deadlines({ deadlines, from }: {
  readonly deadlines: readonly DeadlineAnswer[];
  readonly from: string | null;
}) {
  if (deadlines.length === 0) return null;
  return (
    <ul class="sentences">
      {deadlines.map(({ at, words }) => (
        <li key={words}>
          {at !== null && (
            <>
              <strong>
                <Time at={at} />
              </strong>{" "}
              <span class="muted">
                (<Away at={at} from={from} />)
              </span>:{" "}
            </>
          )}
          {words}
        </li>
      ))}
    </ul>
  );
}
