import { eventStream } from "./event_stream.ts";
import { type Call, type Route, route } from "./route.ts";

export const EVENT_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/api/events",
    role: "viewer",
    summary: "Server-sent events: what was committed, as it is committed",
    answer: "text/event-stream",
    streams: true,
    handle: streamAnnouncements,
  }),
];

function streamAnnouncements({ services }: Call): Response {
  return eventStream({
    signal: services.closing,
    open: (send) => services.announcementFeed.read(send),
  });
}
