import type { PreviewAnswer } from "../../../wire/http_schedules.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { useQuery } from "../../shared/queries.ts";
import { Time } from "../../shared/ui/time.tsx";

/** The next fire of a schedule. */
export function NextFire({ id }: { readonly id: string }) {
  const { data } = useQuery({
    key: ["schedules", id, "next"],
    load: ({ signal }) =>
      ask<readonly PreviewAnswer[]>(`${pathOf("api", "schedules", id, "preview")}?count=5`, {
        signal,
      }),
  });
  const next = data?.find(({ fires }) => fires);
  return next === undefined ? <span class="muted">none</span> : <Time at={next.at} />;
}
