/**
 * The server's events, as they are committed: one stream for the whole page.
 *
 * 1. A stream that breaks is opened again, and then everything shown is loaded again: events may have been missed.
 * 2. A page that nobody sees holds no stream: browsers allow six connections to a server, over all tabs.
 */
import { signal } from "@preact/signals";
import { findSession, session } from "./session.ts";

/** Names of events that the server sends. */
const NAMES = [
  "transition",
  "run",
  "agent",
  "heartbeats",
  "dead_letter",
  "health",
  "obs",
  "schedule",
  "rollout",
  "lagged",
  "alive",
] as const;
export type LiveName = (typeof NAMES)[number];

/** What an event tells; which members it has depends on its name. */
export interface LiveEvent {
  readonly type: LiveName;
  readonly exec_id?: string | null;
  readonly result_id?: string | null;
  readonly pc_id?: string;
  readonly outcome?: string | null;
  readonly exit_code?: number | null;
  readonly from?: string | null;
  readonly to?: string;
  /** Of a transition: the event of the machine. */
  readonly event?: string;
  readonly name?: string;
  readonly ok?: boolean;
  readonly detail?: string;
}

export type Connection =
  | { readonly state: "connecting" }
  | { readonly state: "live" }
  /** Since when, by the clock of this machine. */
  | { readonly state: "lost"; readonly sinceMs: number };

export const connection = signal<Connection>({ state: "connecting" });

/** The server says that it is alive every 15 s; after this silence the stream is taken for dead, milliseconds. */
const SILENCE_MS = 40_000;
/** After a refusal the stream is asked for again after this, milliseconds. */
const RETRY_MS = 3_000;

type Listener = (event: LiveEvent) => void;

const listeners = new Set<Listener>();
const openListeners = new Set<() => void>();
let source: EventSource | undefined;
let silence: ReturnType<typeof setTimeout> | undefined;
let retry: ReturnType<typeof setTimeout> | undefined;

/** Calls the listener with every event. Returns the unsubscribe. */
export function onLiveEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** Calls the listener whenever events may have been missed: all that is shown should be loaded again. */
export function onGap(listener: () => void): () => void {
  openListeners.add(listener);
  return () => void openListeners.delete(listener);
}

/** Listens for as long as the page is seen. */
export function goLive(): void {
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") close();
    else if (source === undefined) open();
  });
  globalThis.addEventListener("online", () => open());
  open();
}

/** Opens the stream anew, now. */
export function open(): void {
  close();
  if (session.value.state !== "signed in") return;
  const opened = new EventSource("/api/events");
  source = opened;
  opened.onopen = () => {
    connection.value = { state: "live" };
    listenForSilence();
    for (const listener of openListeners) listener();
  };
  opened.onerror = () => void onBroken(opened);
  for (const name of NAMES) opened.addEventListener(name, (event) => onEvent(name, event));
}

function close(): void {
  source?.close();
  source = undefined;
  clearTimeout(silence);
  clearTimeout(retry);
}

function onEvent(type: LiveName, { data }: MessageEvent<string>): void {
  listenForSilence();
  if (type === "alive") return;
  if (type === "lagged") {
    for (const listener of openListeners) listener();
    return;
  }
  const event = { ...JSON.parse(data) as object, type } as LiveEvent;
  for (const listener of listeners) listener(event);
}

function listenForSilence(): void {
  clearTimeout(silence);
  silence = setTimeout(() => {
    lost();
    open();
  }, SILENCE_MS);
}

/** The browser itself comes back after a lost connection, but not after a refusal. */
async function onBroken(broken: EventSource): Promise<void> {
  if (broken !== source) return;
  lost();
  if (broken.readyState !== EventSource.CLOSED) return;
  close();
  retry = setTimeout(open, RETRY_MS);
  // Signed out: there is nothing to come back to before somebody signs in.
  await findSession().catch(() => undefined);
}

function lost(): void {
  if (connection.value.state === "lost") return;
  connection.value = { state: "lost", sinceMs: Date.now() };
}
