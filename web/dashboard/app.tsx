/** The dashboard: its pages, and the way between them. */
import { linkTo, place } from "../shared/router.ts";
import { may } from "../shared/session.ts";
import { Boundary } from "../shared/ui/boundary.tsx";
import { Frame, type NavGroup, type NavItem } from "../shared/ui/frame.tsx";
import type { IconName } from "../shared/ui/icons.tsx";
import { useFleet } from "./fleet.ts";
import { PAGES } from "./pages.ts";
import { NotFound } from "./pages/not_found.tsx";
import "./styles/all.css";

export function DashboardApp() {
  const { parts } = place.value;
  const [name = "now", ...rest] = parts;
  const Page = PAGES[name];
  return (
    <Frame groups={groupsAt(name)} banner={<HealthBanner />}>
      <Boundary place={parts.join("/")}>
        {Page === undefined ? <NotFound /> : <Page key={`${name}/${rest[0] ?? ""}`} id={rest[0]} />}
      </Boundary>
    </Frame>
  );
}

function groupsAt(current: string): readonly NavGroup[] {
  const item = (name: string, label: string, icon: IconName): NavItem => ({
    label,
    icon,
    href: name === "now" ? "#/" : linkTo([name]),
    current: name === current,
  });
  return [
    {
      items: [
        item("now", "Now", "now"),
        item("executions", "Executions", "executions"),
        item("search", "Search", "search"),
      ],
    },
    {
      title: "Work",
      items: [
        ...(may("operator") ? [item("run-now", "Run now", "play")] : []),
        item("jobs", "Jobs", "jobs"),
        item("schedules", "Schedules", "schedules"),
        item("rollouts", "Rollouts", "rollouts"),
      ],
    },
    {
      title: "Fleet",
      items: [
        item("agents", "Agents", "agents"),
        item("config", "Config", "config"),
        item("inventory", "Inventory", "inventory"),
      ],
    },
    {
      title: "Records",
      items: [
        item("audit", "Audit", "audit"),
        item("dead-letters", "Dead letters", "deadLetters"),
      ],
    },
    {
      title: "System",
      items: [
        { label: "Inspector", icon: "inspector", href: "/inspector", current: false },
        item("settings", "Settings", "settings"),
      ],
    },
  ];
}

/** What does not do its work, with its reason. */
function HealthBanner() {
  const { data } = useFleet();
  const ill = data?.components.filter(({ ok }) => !ok) ?? [];
  if (ill.length === 0) return null;
  return (
    <div class="banner" role="alert">
      {ill.map(({ name, detail }) => (
        <span key={name}>
          {name.replaceAll("_", " ")}: {detail}. {MEANWHILE[name]}
        </span>
      ))}
    </div>
  );
}

/** What becomes of one's work until a component is well again. */
const MEANWHILE: Readonly<Record<string, string>> = {
  broker: "What you send is kept and goes out when it is back; so are the results that wait there.",
};
