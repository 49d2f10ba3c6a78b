import { boot } from "../shared/boot.tsx";
import { InspectorApp } from "./app.tsx";

await boot(InspectorApp);
