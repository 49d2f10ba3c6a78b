/** The inspector's own stream: what is watched is what is asked for, and nothing is watched that nobody sees. */
import { useEffect, useRef, useState } from "preact/hooks";
import { type AnySchema, eventOf, type Parsed } from "../../wire/codec.ts";
import {
  ActivityEvent,
  AgentCommandsAnswer,
  MovedEvent,
  SystemAnswer,
} from "../../wire/http_inspector.ts";
import { withQuery } from "../shared/api.ts";
import { findSession } from "../shared/session.ts";

/** After a refusal the stream is asked for again after this, milliseconds. */
const RETRY_MS = 3_000;

/** What a stream may tell of. */
export interface Wish {
  readonly system?: boolean;
  readonly activity?: boolean;
  readonly machine?: string | undefined;
  readonly id?: string | undefined;
  /** The PC whose agent's commands are told, and with an id that one. */
  readonly agent?: string | undefined;
}

/** Called with what comes, by the event's name; `again` when some of it may have been missed. */
export interface Listeners {
  readonly system?: (data: SystemAnswer) => void;
  readonly activity?: (data: ActivityEvent) => void;
  readonly moved?: (data: MovedEvent) => void;
  readonly commands?: (data: AgentCommandsAnswer) => void;
  readonly again?: () => void;
}

/** How the listening stands. */
export interface Feed {
  /** What is shown is live. */
  readonly isLive: boolean;
  /** For a while it was not, after it had been: what happened then was not told. */
  readonly hasGap: boolean;
}

const SILENT: Feed = { isLive: false, hasGap: false };

/** Listens while the page is seen. */
export function useFeed(wish: Wish, listeners: Listeners): Feed {
  const newest = useRef(listeners);
  newest.current = listeners;
  const [feed, setFeed] = useState(SILENT);
  const address = withQuery("/api/inspector/events", {
    system: wish.system ? "1" : undefined,
    activity: wish.activity ? "1" : undefined,
    machine: wish.id === undefined ? undefined : wish.machine,
    id: wish.id,
    agent: wish.agent,
  });
  useEffect(() => {
    setFeed(SILENT);
    return listen(address, () => newest.current, setFeed);
  }, [address]);
  return feed;
}

/** Answers how to end it. */
function listen(
  address: string,
  listeners: () => Listeners,
  tell: (feed: Feed) => void,
): () => void {
  let wasLive = false;
  let hasGap = false;
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  const close = () => {
    source?.close();
    source = undefined;
    clearTimeout(retry);
    tell({ isLive: false, hasGap });
  };
  const missed = () => {
    hasGap = wasLive;
    wasLive = true;
    tell({ isLive: true, hasGap });
    listeners().again?.();
  };
  const open = () => {
    close();
    const opened = new EventSource(address);
    source = opened;
    opened.onopen = missed;
    opened.onerror = () => {
      tell({ isLive: false, hasGap });
      // The browser itself comes back after a lost connection, but not after a refusal.
      if (opened.readyState !== EventSource.CLOSED) return;
      retry = setTimeout(open, RETRY_MS);
      void findSession().catch(() => undefined);
    };
    const on = <S extends AnySchema>(name: string, schema: S, heard: (event: Parsed<S>) => void) =>
      opened.addEventListener(name, ({ data }: MessageEvent<string>) => {
        const event = eventOf(schema, data);
        // What a newer server says and this page cannot read counts as missed.
        if (event === undefined) missed();
        else heard(event);
      });
    on("system", SystemAnswer, (event) => listeners().system?.(event));
    on("activity", ActivityEvent, (event) => listeners().activity?.(event));
    on("moved", MovedEvent, (event) => listeners().moved?.(event));
    on("commands", AgentCommandsAnswer, (event) => listeners().commands?.(event));
    opened.addEventListener("lagged", missed);
  };
  const onVisibility = () => document.visibilityState === "hidden" ? close() : open();
  document.addEventListener("visibilitychange", onVisibility);
  if (document.visibilityState !== "hidden") open();
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    close();
  };
}
