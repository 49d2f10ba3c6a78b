import { useState } from "preact/hooks";
import type { DeadLetterAnswer } from "../../../wire/http.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { usePages } from "../../shared/pages_query.ts";
import { refreshSoon } from "../../shared/queries.ts";
import { may } from "../../shared/session.ts";
import { Button } from "../../shared/ui/button.tsx";
import { CopyButton } from "../../shared/ui/clipboard.tsx";
import { Confirm } from "../../shared/ui/confirm.tsx";
import { Icon } from "../../shared/ui/icons.tsx";
import { MoreButton } from "../../shared/ui/more.tsx";
import { PageHead } from "../../shared/ui/page.tsx";
import { Empty, Loadable } from "../../shared/ui/states.tsx";
import { Time } from "../../shared/ui/time.tsx";
import { sayDone, sayProblem } from "../../shared/ui/toasts.tsx";

export function DeadLettersPage() {
  const pages = usePages<DeadLetterAnswer>(["dead letters"], "/api/dead-letters?limit=20");
  return (
    <>
      <PageHead title="Dead letters" />
      <p class="muted">
        Messages that could not be made into rows. They are kept whole, and the ones around them
        were not held up.
      </p>
      <Loadable query={pages.query}>
        {({ rows }) =>
          rows.length === 0
            ? (
              <div class="card">
                <Empty icon="deadLetters" title="Everything could be read">
                  <p>A message that cannot be read would wait here, with the reason.</p>
                </Empty>
              </div>
            )
            : (
              <>
                {rows.map((letter) => <DeadLetter key={letter.id} letter={letter} />)}
                <MoreButton pages={pages} />
              </>
            )}
      </Loadable>
    </>
  );
}

function DeadLetter({ letter }: { readonly letter: DeadLetterAnswer }) {
  return (
    <section class="card" aria-label={`Dead letter ${letter.id}`}>
      <div class="card-head">
        <h2>
          Message {letter.sequence} of {letter.stream}
        </h2>
        {may("operator") && <DeadLetterActions letter={letter} />}
      </div>
      <div class="card-body stack">
        <p class="reason">{letter.error}</p>
        <dl class="facts">
          <div>
            <dt>Subject</dt>
            <dd class="mono small">{letter.subject}</dd>
          </div>
          <div>
            <dt>Published</dt>
            <dd>
              <Time at={letter.published_at} />
            </dd>
          </div>
          <div>
            <dt>Given up</dt>
            <dd>
              <Time at={letter.recorded_at} />
            </dd>
          </div>
        </dl>
        <div class="payload">
          <pre class="code-block" tabIndex={0} aria-label="Payload">{indented(letter.payload)}</pre>
          <CopyButton label="Copy" text={letter.payload} />
        </div>
      </div>
    </section>
  );
}

function indented(payload: string): string {
  try {
    return JSON.stringify(JSON.parse(payload), null, 2);
  } catch {
    // It may be no JSON at all, which is one reason to be here.
    return payload;
  }
}

function DeadLetterActions({ letter }: { readonly letter: DeadLetterAnswer }) {
  const [isAsking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const replay = async () => {
    setBusy(true);
    try {
      const path = pathOf("api", "dead-letters", String(letter.id), "replay");
      const { projected, error } = await ask<{ projected: boolean; error: string | null }>(path, {
        method: "POST",
      });
      if (projected) sayDone(`Message ${letter.sequence} of ${letter.stream} could be read now.`);
      else sayProblem("It still cannot be read", error);
    } catch (thrown) {
      sayProblem("Cannot replay it", thrown);
    }
    setBusy(false);
    refreshSoon(["dead letters"]);
  };
  const remove = async () => {
    await ask(pathOf("api", "dead-letters", String(letter.id)), { method: "DELETE" });
    refreshSoon(["dead letters"]);
  };
  return (
    <div class="row">
      <Button class="button small" off={busy} onClick={() => void replay()}>
        <Icon name="retry" />
        Replay
      </Button>
      <button type="button" class="button quiet small" onClick={() => setAsking(true)}>
        Throw away
      </button>
      {isAsking && (
        <Confirm
          title="Throw this message away?"
          action="Throw 1 message away"
          onDo={remove}
          onClose={() => setAsking(false)}
        >
          <p>What it says is lost for good. A run that it settles would be given up in the end.</p>
        </Confirm>
      )}
    </div>
  );
}
