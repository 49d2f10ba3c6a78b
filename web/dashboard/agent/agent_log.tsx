import { useState } from "preact/hooks";
import { ask, pathOf } from "../../shared/api.ts";
import { Button } from "../../shared/ui/button.tsx";
import { Problem } from "../../shared/ui/states.tsx";

type Log =
  | { readonly state: "not asked" }
  | { readonly state: "asking" }
  | { readonly state: "there"; readonly text: string }
  | { readonly state: "failed"; readonly error: unknown };

/** The agent's own log, asked of it when one wants it. */
export function AgentLog({ pcId }: { readonly pcId: string }) {
  const [log, setLog] = useState<Log>({ state: "not asked" });
  const fetchLog = async () => {
    setLog({ state: "asking" });
    try {
      setLog({ state: "there", text: await ask<string>(pathOf("api", "agents", pcId, "logs")) });
    } catch (error) {
      setLog({ state: "failed", error });
    }
  };
  return (
    <section class="card" aria-label="Log">
      <div class="card-head">
        <h2>The agent's log</h2>
        <Button
          class="button small"
          off={log.state === "asking"}
          onClick={() => void fetchLog()}
        >
          {log.state === "asking" ? "Asking" : log.state === "not asked" ? "Ask for it" : "Again"}
        </Button>
      </div>
      <div class="card-body">
        {log.state === "not asked" && (
          <p class="muted">The last lines of what the agent says of itself, from its machine.</p>
        )}
        {log.state === "there" && (
          <pre class="code-block" tabIndex={0} aria-label="Log lines">
            {log.text === "" ? "It has said nothing." : log.text}
          </pre>
        )}
        {log.state === "failed" && <Problem error={log.error} />}
      </div>
    </section>
  );
}
