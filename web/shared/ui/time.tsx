import { signal } from "@preact/signals";
import { shownSpan, shownTime, utcTime } from "../time.ts";

/** The time of day to the second, for what goes on while it is looked at. */
const now = signal(Date.now());
setInterval(() => {
  if (document.visibilityState === "visible") now.value = Date.now();
}, 1_000);

/** An instant in the viewer's zone; UTC when one points at it. */
export function Time({ at }: { readonly at: string }) {
  const date = new Date(at);
  return (
    <time class="nowrap" dateTime={at} title={utcTime(date)}>{shownTime(date, new Date())}</time>
  );
}

/** How long it has been, second by second. */
export function Since({ at }: { readonly at: string }) {
  const date = new Date(at);
  return (
    <time class="nowrap number" dateTime={at} title={utcTime(date)}>
      {shownSpan(now.value - date.getTime())}
    </time>
  );
}

/** How far away an instant is, second by second, or how far it was from another one. @param from null = now */
export function Away({ at, from }: { readonly at: string; readonly from: string | null }) {
  const ms = Date.parse(at) - (from === null ? now.value : Date.parse(from));
  const span = shownSpan(Math.abs(ms));
  if (from === null) return <span class="number">{ms > 0 ? `in ${span}` : `${span} ago`}</span>;
  return <span class="number">{ms > 0 ? `${span} later` : `${span} before`}</span>;
}
