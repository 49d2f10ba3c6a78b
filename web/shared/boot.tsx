/** How a page begins: sign in by the link, or ask for a token; then listen, and show. */
import { effect, signal } from "@preact/signals";
import { type ComponentType, render } from "preact";
import "./styles/all.css";
import { whenUnauthenticated } from "./api.ts";
import { keepFocus } from "./focus.ts";
import { close, goLive, onGap, open } from "./live.ts";
import { refreshAll } from "./queries.ts";
import { rememberScroll } from "./scroll.ts";
import { endSession, findSession, session, signInByLink } from "./session.ts";
import { applyTheme } from "./theme.ts";
import { Problem, Skeleton } from "./ui/states.tsx";
import { SignIn } from "./ui/sign_in.tsx";

/** A server that does not answer at the beginning is asked again after this, milliseconds. */
const RETRY_MS = 2_000;
/** After the end of a session it is asked for, milliseconds: one that lives to the second has ended then. */
const SLACK_MS = 1_500;

const problem = signal<unknown>(undefined);

/** Shows the page to whoever is signed in. */
export async function boot(Page: ComponentType): Promise<void> {
  applyTheme();
  rememberScroll();
  keepFocus();
  const root = document.getElementById("app");
  if (root === null) throw new TypeError("the document has no place for the page");
  render(<Root page={Page} />, root);
  whenUnauthenticated(endSession);
  await begin();
  onGap(refreshAll);
  goLive();
  let wasSignedIn = session.value.state === "signed in";
  effect(() => {
    const isSignedIn = session.value.state === "signed in";
    if (isSignedIn && !wasSignedIn) open();
    if (!isSignedIn) close();
    wasSignedIn = isSignedIn;
  });
  effect(lookWhenItEnds);
}

/** A page that asks nothing would not learn that its session is over. Whether it is, the server says: by its own clock. */
function lookWhenItEnds(): (() => void) | undefined {
  const now = session.value;
  if (now.state !== "signed in" || now.expires_at === null) return undefined;
  const look = () => void findSession().catch(() => undefined);
  const timer = setTimeout(look, Math.max(0, Date.parse(now.expires_at) - Date.now()) + SLACK_MS);
  return () => clearTimeout(timer);
}

async function begin(): Promise<void> {
  for (;;) {
    try {
      await signInByLink();
      problem.value = undefined;
      return;
    } catch (thrown) {
      problem.value = thrown;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

function Root({ page: Page }: { readonly page: ComponentType }) {
  switch (session.value.state) {
    case "signed in":
      return <Page />;
    case "signed out":
      return <SignIn />;
    case "unknown":
      return problem.value === undefined ? <Skeleton /> : (
        <main class="main">
          <Problem error={problem.value} />
        </main>
      );
  }
}
