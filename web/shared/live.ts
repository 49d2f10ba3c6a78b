/**
 * The server's events, as they are committed: one stream for the whole page.
 *
 * 1. A stream that breaks is opened again, and then everything shown is loaded again: events may have been missed.
 * 2. A page that nobody sees holds no stream: browsers allow six connections to a server, over all tabs.
 * 3. An event that this page cannot read, because a newer server sends it, counts as one that was missed.
 */
import { signal } from "@preact/signals";
import { Announcement, ANNOUNCEMENT_TYPES } from "../../wire/announcement.ts";
import { eventOf } from "../../wire/codec.ts";
import { findSession, session } from "./session.ts";

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

type Listener = (event: Announcement) => void;

const listeners = new Set<Listener>();
const gapListeners = new Set<() => void>();
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
  gapListeners.add(listener);
  return () => void gapListeners.delete(listener);
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
    onMissed();
  };
  opened.onerror = () => void onBroken(opened);
  opened.addEventListener("alive", listenForSilence);
  opened.addEventListener("lagged", onMissed);
  for (const type of ANNOUNCEMENT_TYPES) opened.addEventListener(type, onEvent);
}

/** Listens no more, until it is opened again. */
export function close(): void {
  source?.close();
  source = undefined;
  clearTimeout(silence);
  clearTimeout(retry);
}

function onEvent({ data }: MessageEvent<string>): void {
  const event = eventOf(Announcement, data);
  if (event === undefined) return onMissed();
  listenForSilence();
  for (const listener of listeners) listener(event);
}

function onMissed(): void {
  listenForSilence();
  for (const listener of gapListeners) listener();
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
