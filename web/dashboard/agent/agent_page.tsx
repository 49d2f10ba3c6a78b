import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { AgentAnswer, PingAnswer } from "../../../wire/http.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { refreshSoon, useQuery } from "../../shared/queries.ts";
import { goTo, linkTo } from "../../shared/router.ts";
import { may } from "../../shared/session.ts";
import { shownBytes } from "../../shared/time.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Confirm } from "../../shared/ui/confirm.tsx";
import { Icon } from "../../shared/ui/icons.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Loadable } from "../../shared/ui/states.tsx";
import { Time } from "../../shared/ui/time.tsx";
import { sayDone, sayProblem } from "../../shared/ui/toasts.tsx";
import { AgentConfig } from "../config/effective.tsx";
import { AgentInventory } from "../inventory/agent_inventory.tsx";
import { AgentGroups } from "./agent_groups.tsx";
import { AgentLog } from "./agent_log.tsx";
import { AgentRuns } from "./agent_runs.tsx";

export function AgentPage({ pcId }: { readonly pcId: string }) {
  const agent = useQuery({
    key: ["agents", "one", pcId],
    load: ({ signal }) => ask<AgentAnswer>(pathOf("api", "agents", pcId), { signal }),
  });
  return (
    <>
      <PageHead
        title={pcId}
        name={
          <>
            {pcId}{" "}
            {agent.data && (
              <span class="badge" data-tone={agent.data.online ? "good" : undefined}>
                {agent.data.online ? "online" : "offline"}
              </span>
            )}
          </>
        }
        crumbs={<a href="#/agents">Agents</a>}
      >
        {may("operator") && <AgentActions pcId={pcId} />}
      </PageHead>
      <Loadable query={agent}>{(value) => <Facts {...value} />}</Loadable>
      <AgentInventory pcId={pcId} />
      <AgentRuns pcId={pcId} />
      <div class="halves">
        <AgentConfig pcId={pcId} />
        <AgentGroups pcId={pcId} />
        {may("operator") && <AgentLog pcId={pcId} />}
      </div>
    </>
  );
}

function Facts(agent: AgentAnswer) {
  return (
    <section class="card padded" aria-label="Facts">
      <dl class="facts">
        <Fact name="Host">{agent.hostname ?? "unknown"}</Fact>
        <Fact name="System">{agent.os_family ?? "unknown"}</Fact>
        <Fact name="Version">{agent.agent_version ?? "unknown"}</Fact>
        <Fact name="Last heard">
          <Time at={agent.last_heartbeat} />
        </Fact>
        <Fact name="First heard">
          <Time at={agent.first_heartbeat} />
        </Fact>
        <Fact name="Shells">
          {agent.shells.length === 0 ? "those of its system" : agent.shells.join(", ")}
        </Fact>
        {agent.agent_cpu_pct !== null && (
          <Fact name="Agent's CPU">{agent.agent_cpu_pct.toFixed(1)} % of a core</Fact>
        )}
        {agent.agent_rss_bytes !== null && (
          <Fact name="Agent's memory">{shownBytes(agent.agent_rss_bytes)}</Fact>
        )}
        {agent.stuck_results !== null && agent.stuck_results > 0 && (
          <Fact name="Results that are stuck">{agent.stuck_results}</Fact>
        )}
      </dl>
    </section>
  );
}

function Fact({ name, children }: {
  readonly name: string;
  readonly children: ComponentChildren;
}) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="number">{children}</dd>
    </div>
  );
}

function AgentActions({ pcId }: { readonly pcId: string }) {
  const [isAsking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const ping = async () => {
    setBusy(true);
    const askedAt = performance.now();
    try {
      await ask<PingAnswer>(pathOf("api", "agents", pcId, "ping"), { method: "POST" });
      sayDone(`${pcId} answered after ${Math.round(performance.now() - askedAt)} ms.`);
    } catch (thrown) {
      sayProblem("No answer", thrown);
    }
    setBusy(false);
    refreshSoon(["agents"]);
  };
  const forget = async () => {
    await ask(pathOf("api", "agents", pcId), { method: "DELETE" });
    refreshSoon(["agents"]);
    goTo("#/agents");
  };
  return (
    <>
      <a class="button primary" href={linkTo(["run-now"], { pc: pcId })}>
        <Icon name="play" />
        Run a script
      </a>
      <Button class="button" off={busy} onClick={() => void ping()}>
        {busy ? "Asking" : "Ping"}
      </Button>
      <button type="button" class="button quiet" onClick={() => setAsking(true)}>Forget</button>
      {isAsking && (
        <Confirm
          title={`Forget ${pcId}?`}
          action="Forget 1 PC"
          onDo={forget}
          onClose={() => setAsking(false)}
        >
          <p>
            It leaves the list until it is heard again, and a credential of its own is taken away.
            Its runs stay.
          </p>
        </Confirm>
      )}
    </>
  );
}
