import { linkTo } from "../router.ts";

/** What a schedule fires is by the schedule. */
const SCHEDULE = "schedule:";

/** Who dispatched something: a person, or a schedule. */
export function By({ who }: { readonly who: string | null }) {
  if (who === null) return <span class="muted">unknown</span>;
  if (!who.startsWith(SCHEDULE)) return <>{who}</>;
  const id = who.slice(SCHEDULE.length);
  return (
    <>
      schedule <a href={`/${linkTo(["schedules", id])}`}>{id}</a>
    </>
  );
}
