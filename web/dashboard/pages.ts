/** The pages by the first part of the address. Each is fetched when it is first opened. */
import type { ComponentType } from "preact";
import { lazy } from "../shared/ui/boundary.tsx";
import type { PageProps } from "./page_props.ts";

export const PAGES: Readonly<Record<string, ComponentType<PageProps> | undefined>> = {
  "now": lazy(async () => (await import("./pages/now.tsx")).NowPage),
  "executions": lazy(async () => (await import("./pages/executions.tsx")).ExecutionsPage),
  "runs": lazy(async () => (await import("./pages/run.tsx")).RunPage),
  "run-now": lazy(async () => (await import("./pages/run_now.tsx")).RunNowPage),
  "search": lazy(async () => (await import("./pages/search.tsx")).SearchPage),
  "jobs": lazy(async () => (await import("./pages/jobs.tsx")).JobsPage),
  "schedules": lazy(async () => (await import("./pages/schedules.tsx")).SchedulesPage),
  "rollouts": lazy(async () => (await import("./pages/rollouts.tsx")).RolloutsPage),
  "agents": lazy(async () => (await import("./pages/agents.tsx")).AgentsPage),
  "config": lazy(async () => (await import("./pages/config.tsx")).ConfigPage),
  "inventory": lazy(async () => (await import("./pages/inventory.tsx")).InventoryPage),
  "audit": lazy(async () => (await import("./pages/audit.tsx")).AuditPage),
  "dead-letters": lazy(async () => (await import("./pages/dead_letters.tsx")).DeadLettersPage),
  "settings": lazy(async () => (await import("./pages/settings.tsx")).SettingsPage),
};
