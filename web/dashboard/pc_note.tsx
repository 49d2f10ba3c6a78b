import type { AgentAnswer } from "../../wire/http.ts";
import { ApiError, ask, pathOf } from "../shared/api.ts";
import { useQuery } from "../shared/queries.ts";

/** What one should know before one sends something to a PC; nothing when it is online. */
export function PcNote({ pcId }: { readonly pcId: string }) {
  const { data, error } = useQuery({
    key: ["agents", "one", pcId],
    load: ({ signal }) => ask<AgentAnswer>(pathOf("api", "agents", pcId), { signal }),
  });
  if (error instanceof ApiError && error.status === 404) return <Note words="never heard of" />;
  return data === undefined || data.online ? null : <Note words="offline" />;
}

function Note({ words }: { readonly words: string }) {
  return <span class="muted">, {words}</span>;
}
