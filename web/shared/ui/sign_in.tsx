import { useState } from "preact/hooks";
import { session, signIn } from "../session.ts";
import { Button } from "./button.tsx";
import { Brand } from "./icons.tsx";
import { Problem } from "./states.tsx";

/** Asks for a token, for who comes without the link. It leaves this page in the body of one POST. */
export function SignIn() {
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const hasEnded = session.value.state === "signed out" && session.value.hasEnded;
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    setBusy(true);
    setError(undefined);
    try {
      await signIn((form.elements.namedItem("token") as HTMLInputElement).value.trim());
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  };
  return (
    <main class="sign-in">
      <form onSubmit={(event) => void submit(event)}>
        <span class="brand">
          <Brand />kanade
        </span>
        <h1>Sign in</h1>
        {hasEnded && (
          <p class="notice" role="status">
            Your session has ended. Sign in again, and you are back where you were.
          </p>
        )}
        <p class="muted">
          Open the link that the server printed when it started, or paste its token here. It stands
          in <code>credentials.json</code> of the data directory.
        </p>
        <div class="field">
          <label for="token">Token</label>
          <input
            id="token"
            name="token"
            class="input"
            type="password"
            autocomplete="off"
            required
            autofocus
          />
        </div>
        {error !== undefined && <Problem error={error} />}
        <Button type="submit" class="button primary" off={busy}>Sign in</Button>
      </form>
    </main>
  );
}
