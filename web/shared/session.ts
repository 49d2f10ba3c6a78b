/** Who looks at this page, and what that person may do. */
import { signal } from "@preact/signals";
import type { SessionAnswer } from "../../wire/http.ts";
import { ApiError, ask } from "./api.ts";

export type Session =
  /** Not asked yet. */
  | { readonly state: "unknown" }
  /** `hasEnded`: somebody was signed in before, and did not sign out. */
  | { readonly state: "signed out"; readonly hasEnded: boolean }
  | ({ readonly state: "signed in" } & SessionAnswer);

export const session = signal<Session>({ state: "unknown" });

const ROLES = ["viewer", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Whether the viewer may do what takes this role. What may not be done is not offered. */
export function may(needed: Role): boolean {
  const now = session.value;
  if (now.state !== "signed in") return false;
  return ROLES.indexOf(now.role) >= ROLES.indexOf(needed);
}

/** Asks the server who this is. @throws when it cannot be asked */
export async function findSession(): Promise<void> {
  try {
    session.value = { state: "signed in", ...await ask<SessionAnswer>("/api/session") };
  } catch (thrown) {
    if (!(thrown instanceof ApiError) || thrown.status !== 401) throw thrown;
    leave(session.value.state === "signed in");
  }
}

/** The server has said that nobody is signed in. */
export function endSession(): void {
  if (session.value.state === "signed in") leave(true);
}

function leave(hasEnded: boolean): void {
  if (session.value.state !== "signed out") session.value = { state: "signed out", hasEnded };
}

/** Exchanges a token for a cookie that no script can read. @throws {ApiError} when it is not valid */
export async function signIn(token: string): Promise<void> {
  await ask("/api/session", { method: "POST", body: { token } });
  await findSession();
}

export async function signOut(): Promise<void> {
  await ask("/api/session", { method: "DELETE" });
  leave(false);
}

/** Signs in by a link `/#token=…` if this is one. The token is taken out of the address and the history at once. */
export async function signInByLink(): Promise<void> {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return findSession();
  history.replaceState(null, "", location.pathname);
  try {
    await signIn(token);
  } catch (thrown) {
    // A link of yesterday: whoever is signed in already stays so, and anybody else is asked for a token.
    if (!(thrown instanceof ApiError)) throw thrown;
    await findSession();
  }
}
