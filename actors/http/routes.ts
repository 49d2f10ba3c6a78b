import { AGENT_ROUTES } from "./agents.ts";
import { AUDIT_ROUTES } from "./audit_log.ts";
import { CONFIG_ROUTES } from "./config.ts";
import { DEAD_LETTER_ROUTES } from "./dead_letters.ts";
import { ENROLMENT_ROUTES } from "./enrolment.ts";
import { EVENT_ROUTES } from "./events.ts";
import { EXEC_ROUTES } from "./exec.ts";
import { EXECUTION_CELL_ROUTES } from "./execution_cells.ts";
import { EXECUTION_ROUTES } from "./executions.ts";
import { FREEZE_ROUTES } from "./freeze.ts";
import { GROUP_ROUTES } from "./groups.ts";
import { HEALTH_ROUTES } from "./health.ts";
import { INSPECTOR_ROUTES } from "./inspector.ts";
import { INVENTORY_ROUTES } from "./inventory.ts";
import { JOB_ROUTES } from "./jobs.ts";
import { METRICS_ROUTES } from "./metrics.ts";
import { KILL_ROUTES } from "./kills.ts";
import { openApiRoutes } from "./openapi.ts";
import { OBS_ROUTES } from "./obs_events.ts";
import { OUTPUT_GROUP_ROUTES } from "./output_groups.ts";
import { PAGE_ROUTES } from "./pages.ts";
import { REBUILD_ROUTES } from "./rebuild.ts";
import { RESULT_ROUTES } from "./results.ts";
import { PLAN_PREVIEW_ROUTES } from "./plan_preview.ts";
import { ROLLOUT_ROUTES } from "./rollouts.ts";
import type { Route } from "./route.ts";
import { RUN_ROUTES } from "./run.ts";
import { SCHEDULE_ROUTES } from "./schedules.ts";
import { SCRIPT_OBJECT_ROUTES } from "./script_objects.ts";
import { SCRIPT_ROUTES } from "./scripts.ts";
import { SESSION_ROUTES } from "./session.ts";
import { STREAM_ROUTES } from "./streams.ts";

/** The whole API. What is not in this table does not exist. */
export const ROUTES: readonly Route[] = [
  ...HEALTH_ROUTES,
  ...METRICS_ROUTES,
  ...SESSION_ROUTES,
  ...EXEC_ROUTES,
  ...PLAN_PREVIEW_ROUTES,
  ...RUN_ROUTES,
  ...EXECUTION_ROUTES,
  ...EXECUTION_CELL_ROUTES,
  ...OUTPUT_GROUP_ROUTES,
  ...RESULT_ROUTES,
  ...KILL_ROUTES,
  ...ROLLOUT_ROUTES,
  ...STREAM_ROUTES,
  ...EVENT_ROUTES,
  ...JOB_ROUTES,
  ...SCHEDULE_ROUTES,
  ...FREEZE_ROUTES,
  ...SCRIPT_ROUTES,
  ...SCRIPT_OBJECT_ROUTES,
  ...AGENT_ROUTES,
  ...GROUP_ROUTES,
  ...CONFIG_ROUTES,
  ...ENROLMENT_ROUTES,
  ...AUDIT_ROUTES,
  ...INVENTORY_ROUTES,
  ...OBS_ROUTES,
  ...DEAD_LETTER_ROUTES,
  ...REBUILD_ROUTES,
  ...INSPECTOR_ROUTES,
  ...PAGE_ROUTES,
  ...openApiRoutes(() => ROUTES),
];
