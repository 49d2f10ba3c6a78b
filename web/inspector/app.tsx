import { Frame, type NavGroup } from "../shared/ui/frame.tsx";
import { PageHead } from "../shared/ui/page.tsx";
import { Empty } from "../shared/ui/states.tsx";

const GROUPS: readonly NavGroup[] = [
  { items: [{ label: "Dashboard", icon: "now", href: "/#/", current: false }] },
  { items: [{ label: "System", icon: "inspector", href: "#/", current: true }] },
];

/** The inspector: its pages, inside the same frame as the dashboard's. */
export function InspectorApp() {
  return (
    <Frame groups={GROUPS}>
      <PageHead title="Inspector" />
      <div class="card">
        <Empty icon="inspector" title="Nothing to inspect here">
          <p>The timeline of an execution stands on its page in the dashboard.</p>
        </Empty>
      </div>
    </Frame>
  );
}
