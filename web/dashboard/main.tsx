import { boot } from "../shared/boot.tsx";
import { DashboardApp } from "./app.tsx";
import { followEvents } from "./follow_events.ts";

followEvents();
await boot(DashboardApp);
