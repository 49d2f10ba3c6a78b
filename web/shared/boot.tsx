/** How a page begins: sign in by the link, or ask for a token; then listen, and show. */
import { effect, signal } from "@preact/signals";
import { type ComponentType, render } from "preact";
import "./styles/all.css";
import { goLive, onGap, open } from "./live.ts";
import { refreshAll } from "./queries.ts";
import { session, signInByLink } from "./session.ts";
import { applyTheme } from "./theme.ts";
import { Problem, Skeleton } from "./ui/states.tsx";
import { SignIn } from "./ui/sign_in.tsx";

/** A server that does not answer at the beginning is asked again after this, milliseconds. */
const RETRY_MS = 2_000;

const problem = signal<unknown>(undefined);

/** Shows the page to whoever is signed in. */
export async function boot(Page: ComponentType): Promise<void> {
  applyTheme();
  const root = document.getElementById("app");
  if (root === null) throw new TypeError("the document has no place for the page");
  render(<Root page={Page} />, root);
  await begin();
  onGap(refreshAll);
  goLive();
  let wasSignedIn = session.value.state === "signed in";
  effect(() => {
    const isSignedIn = session.value.state === "signed in";
    if (isSignedIn && !wasSignedIn) open();
    wasSignedIn = isSignedIn;
  });
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
