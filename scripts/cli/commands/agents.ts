import type { Command } from "commander";
import { AgentAnswer, PingAnswer } from "../../../wire/http.ts";
import { addAgentOutbox } from "./agent_outbox.ts";
import { addCommand, type CommonOptions, connect, type Session, show } from "../command.ts";
import { addEnrolment } from "./enrolment.ts";
import { showOne, showRows } from "../list.ts";
import { type Column, renderFacts } from "../table.ts";
import { oneLine } from "../terminal.ts";

interface ListOptions extends CommonOptions {
  readonly query?: string;
  readonly group?: string;
  readonly status?: string;
  readonly limit?: string;
  readonly offset?: string;
}

const COLUMNS: readonly Column<AgentAnswer>[] = [
  { heading: "pc", text: (row) => row.pc_id },
  { heading: "state", text: (row) => row.online ? "online" : "offline" },
  { heading: "os", text: (row) => row.os_family },
  { heading: "version", text: (row) => row.agent_version },
  { heading: "heard", text: (row) => row.last_heartbeat },
  { heading: "host", text: (row) => row.hostname },
  { heading: "groups", text: (row) => row.groups.join(", ") || null },
];

export function addAgents(program: Command, session: Session): void {
  const agent = program.command("agent").description("one PC");
  addList(program, "agents", session);
  addList(agent, "list", session);

  addEnrolment(agent, session);

  addCommand(agent, "show <pc>", "all that is known of a PC").action(
    (pcId: string, options: CommonOptions) =>
      showOne(session, options, { schema: AgentAnswer, path: pathOf(pcId) }, agentText),
  );

  addCommand(agent, "ping <pc>", "ask a PC whether it is there").action(
    async (pcId: string, options: CommonOptions) => {
      const client = await connect(session, options);
      const answer = await client.post(PingAnswer, `${pathOf(pcId)}/ping`);
      show(
        session,
        options,
        answer,
        ({ heartbeat }) =>
          `${heartbeat.pc_id} answers, version ${heartbeat.agent_version}, at ${heartbeat.at}\n`,
      );
    },
  );

  addCommand(agent, "forget <pc>", "forget a PC until it is heard again; its runs stay").action(
    async (pcId: string, options: CommonOptions) => {
      await (await connect(session, options)).delete(pathOf(pcId));
      show(session, options, { pc_id: pcId }, () => `${pcId} is forgotten\n`);
    },
  );

  addAgentOutbox(agent, session);

  addCommand(agent, "logs <pc>", "the last lines of a PC's agent")
    .option("-n, --lines <count>", "how many", "500")
    .action(async (pcId: string, options: LogsOptions) => {
      const client = await connect(session, options);
      const query = { tail_lines: options.lines };
      const log = await client.text(`${pathOf(pcId)}/logs`, { query });
      show(session, options, log, withoutControls);
    });
}

interface LogsOptions extends CommonOptions {
  readonly lines: string;
}

function addList(parent: Command, name: string, session: Session): void {
  addCommand(parent, name, "the PCs that are known")
    .option("--query <text>", "only those whose name holds it")
    .option("--group <group>", "only the members of a group")
    .option("--status <status>", "online or offline")
    .option("--limit <count>", "how many", "100")
    .option("--offset <count>", "how many to leave out first")
    .action((options: ListOptions) => {
      const { query: q, group, status, offset } = options;
      return showRows(session, options, {
        row: AgentAnswer,
        path: "/api/agents",
        query: { q, group, status, offset },
        columns: COLUMNS,
      });
    });
}

function pathOf(pcId: string): string {
  return `/api/agents/${encodeURIComponent(pcId)}`;
}

/** A log may hold what a script or a file was called: none of it may steer the terminal. */
function withoutControls(log: string): string {
  return log.split("\n").map(oneLine).join("\n");
}

function agentText(agent: AgentAnswer): string {
  return renderFacts([
    ["pc", agent.pc_id],
    ["state", agent.online ? "online" : "offline"],
    ["host", agent.hostname],
    ["os", agent.os_family],
    ["version", agent.agent_version],
    ["groups", agent.groups.join(", ") || null],
    ["shells", agent.shells.join(", ")],
    ["first heard", agent.first_heartbeat],
    ["last heard", agent.last_heartbeat],
    ["cpu, percent of a core", agent.agent_cpu_pct],
    ["memory, bytes", agent.agent_rss_bytes],
    ["stuck results", agent.stuck_results],
  ]);
}
