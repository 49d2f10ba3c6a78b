import type { Command } from "commander";
import { FleetHealth, InvariantsAnswer } from "../../../wire/http.ts";
import { addCommand, type CommonOptions, connect, type Session, show } from "../command.ts";
import { EXIT } from "../exit_codes.ts";
import { oneLine } from "../terminal.ts";
import { type Column, renderTable } from "../table.ts";

type Invariant = InvariantsAnswer["invariants"][number];
type Component = FleetHealth["components"][number];

const INVARIANT_COLUMNS: readonly Column<Invariant>[] = [
  { heading: "invariant", text: ({ name }) => name },
  { heading: "holds", text: ({ ok }) => ok ? "yes" : "NO" },
  { heading: "count", text: ({ count }) => count },
];

const COMPONENT_COLUMNS: readonly Column<Component>[] = [
  { heading: "component", text: ({ name }) => name },
  { heading: "state", text: ({ ok }) => ok ? "ok" : "NOT OK" },
  { heading: "detail", text: ({ detail }) => detail },
];

/** What tells whether the system is well. */
export function addHealth(
  program: Command,
  session: Session,
  end: (exitCode: number) => void,
): void {
  addCommand(
    program,
    "invariants",
    `check that the books are right; ends with ${EXIT.failed} when not`,
  )
    .action(async (options: CommonOptions) => {
      const client = await connect(session, options);
      const answer = await client.get(InvariantsAnswer, "/api/invariants");
      show(
        session,
        options,
        answer,
        ({ invariants }) => renderTable(INVARIANT_COLUMNS, invariants),
      );
      end(answer.ok ? EXIT.ok : EXIT.failed);
    });

  addCommand(program, "health", `how the parts are; ends with ${EXIT.failed} when one is not well`)
    .action(async (options: CommonOptions) => {
      const client = await connect(session, options);
      const health = await client.get(FleetHealth, "/api/health/fleet");
      show(session, options, health, healthText);
      end(health.status === "ok" ? EXIT.ok : EXIT.failed);
    });
}

function healthText({ status, agents, components, problems }: FleetHealth): string {
  const head = `${status}: ${agents.active} of ${agents.known} PCs online\n`;
  return head + problems.map((problem) => `${oneLine(problem)}\n`).join("") +
    renderTable(COMPONENT_COLUMNS, components);
}
