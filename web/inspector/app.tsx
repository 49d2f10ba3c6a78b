/** The inspector: its pages, inside the same frame as the dashboard's. */
import { linkTo, place } from "../shared/router.ts";
import { Boundary } from "../shared/ui/boundary.tsx";
import { Frame, type NavGroup, type NavItem } from "../shared/ui/frame.tsx";
import type { IconName } from "../shared/ui/icons.tsx";
import { PageHead } from "../shared/ui/page.tsx";
import { Empty } from "../shared/ui/states.tsx";
import { ActivityPage } from "./pages/activity.tsx";
import { ExecutionPage } from "./pages/execution.tsx";
import { ExecutionsPage } from "./pages/executions.tsx";
import { MachinePage } from "./pages/machine.tsx";
import { MachinesPage } from "./pages/machines.tsx";
import { SequencePage } from "./pages/sequence.tsx";
import { SystemPage } from "./pages/system.tsx";
import "./styles/all.css";

export function InspectorApp() {
  const { parts } = place.value;
  return (
    <Frame groups={groupsAt(parts[0] ?? "system")}>
      <Boundary place={parts.join("/")}>{pageAt(parts)}</Boundary>
    </Frame>
  );
}

function pageAt([name = "system", id]: readonly string[]) {
  if (name === "system") return <SystemPage />;
  if (name === "activity") return <ActivityPage />;
  if (name === "machines") {
    return id === undefined ? <MachinesPage /> : <MachinePage key={id} name={id} />;
  }
  if (name === "executions") {
    return id === undefined ? <ExecutionsPage /> : <ExecutionPage key={id} execId={id} />;
  }
  if (name === "runs" && id !== undefined) return <SequencePage key={id} resultId={id} />;
  return (
    <>
      <PageHead title="Not found" />
      <div class="card">
        <Empty icon="inspector" title="There is no such page">
          <p>
            <a href="#/">The supervision trees</a>
          </p>
        </Empty>
      </div>
    </>
  );
}

function groupsAt(current: string): readonly NavGroup[] {
  const item = (name: string, label: string, icon: IconName): NavItem => ({
    label,
    icon,
    href: name === "system" ? "#/" : linkTo([name]),
    current: name === current || (name === "executions" && current === "runs"),
  });
  return [
    {
      title: "Inspector",
      items: [
        item("system", "System", "rollouts"),
        item("machines", "Machines", "inspector"),
        item("executions", "Executions", "executions"),
        item("activity", "Activity", "now"),
      ],
    },
    {
      title: "Elsewhere",
      items: [{ label: "Dashboard", icon: "agents", href: "/#/", current: false }],
    },
  ];
}
