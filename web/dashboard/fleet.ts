import type { FleetHealth } from "../../wire/http.ts";
import { ask } from "../shared/api.ts";
import { type Loaded, useQuery } from "../shared/queries.ts";

/** Fleet health, loaded once for everything that shows it. */
export function useFleet(): Loaded<FleetHealth> {
  return useQuery({
    key: ["fleet"],
    load: ({ signal }) => ask<FleetHealth>("/api/health/fleet", { signal }),
  });
}
