/** The pages by the first part of the address. Each is fetched when it is first opened. */
import type { ComponentType } from "preact";
import { lazy } from "../shared/ui/boundary.tsx";
import type { PageProps } from "./page_props.ts";

export const PAGES: Readonly<Record<string, ComponentType<PageProps> | undefined>> = {
  now: lazy(async () => (await import("./pages/now.tsx")).NowPage),
  executions: lazy(async () => (await import("./pages/executions.tsx")).ExecutionsPage),
  runs: lazy(async () => (await import("./pages/run.tsx")).RunPage),
};
