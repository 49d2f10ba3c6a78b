/** What the inspector's pages ask for. */
import type { ChartAnswer, MachineSummary } from "../../wire/http_inspector.ts";
import { ask, pathOf } from "../shared/api.ts";
import { useQuery } from "../shared/queries.ts";

export function useMachines() {
  return useQuery({
    key: ["machines"],
    load: ({ signal }) => ask<MachineSummary[]>("/api/inspector/machines", { signal }),
  });
}

/** A machine as it is drawn: that changes only with the program. */
export function useChart(name: string) {
  return useQuery({
    key: ["chart", name],
    load: ({ signal }) =>
      ask<ChartAnswer>(pathOf("api", "inspector", "machines", name, "layout"), { signal }),
    isFixed: true,
  });
}
