/** A run as it goes on: its row, and its output as it is printed. */
import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import type { RunAnswer } from "../../../wire/http.ts";
import type { GapEvent, OutputEvent, RestartEvent, SourceEvent } from "../../../wire/http_live.ts";
import { ask, pathOf } from "../../shared/api.ts";
import { onLiveEvent } from "../../shared/live.ts";
import { Output } from "./output.ts";

export interface RunStream {
  readonly run: RunAnswer | undefined;
  readonly output: Output;
  /** Grows with each change of the output. */
  readonly version: number;
  /** Where the output of a run in flight comes from. */
  readonly source: SourceEvent["state"] | undefined;
  readonly connection: "open" | "broken" | "over";
  readonly error: unknown;
  /** Begins again. */
  readonly again: () => void;
}

type State = Pick<RunStream, "run" | "source" | "connection" | "error">;

const AT_FIRST: State = {
  run: undefined,
  source: undefined,
  connection: "open",
  error: undefined,
};

/** Follows the run until it has settled, and again when its truth comes later. */
export function useRunStream(resultId: string): RunStream {
  const [round, again] = useReducer((count: number) => count + 1, 0);
  const [version, changed] = useReducer((count: number) => count + 1, 0);
  const [state, setState] = useState<State>(AT_FIRST);
  const output = useRef(new Output());
  const settledAs = useRef<string | null | undefined>(undefined);
  useEffect(() => {
    output.current = new Output();
    const stop = follow(resultId, {
      output: output.current,
      changed: onceAFrame(() => changed(0)),
      tell: (part) => {
        if (part.connection === "over") settledAs.current = part.run?.outcome;
        setState((before) => ({ ...before, ...part }));
      },
    });
    return stop;
  }, [resultId, round]);
  useEffect(() =>
    onLiveEvent((event) => {
      if (event.type !== "run" || event.result_id !== resultId) return;
      if (settledAs.current !== undefined && event.outcome !== settledAs.current) again(0);
    }), [resultId]);
  return { ...state, output: output.current, version, again: () => again(0) };
}

interface Follower {
  readonly output: Output;
  readonly changed: () => void;
  readonly tell: (part: Partial<State>) => void;
}

function follow(resultId: string, { output, changed, tell }: Follower): () => void {
  const source = new EventSource(pathOf("api", "results", resultId, "stream"));
  const on = (name: string, handle: (data: unknown) => void) =>
    source.addEventListener(name, ({ data }: MessageEvent<string>) => {
      handle(JSON.parse(data));
      changed();
    });
  source.onopen = () => tell({ connection: "open", error: undefined });
  source.onerror = () => {
    tell({ connection: "broken" });
    // The browser comes back by itself, but not after a refusal.
    if (source.readyState === EventSource.CLOSED) void explain(resultId, tell);
  };
  on("run", (data) => tell({ run: data as RunAnswer }));
  on("source", (data) => tell({ source: (data as SourceEvent).state }));
  on("output", (data) => {
    const { stream, text } = data as OutputEvent;
    output.write(stream, text);
  });
  on("gap", (data) => {
    const { stream, bytes } = data as GapEvent;
    output.gap(stream, bytes);
  });
  on("restart", (data) => output.restart((data as RestartEvent).stream));
  on("settled", (data) => {
    source.close();
    tell({ run: data as RunAnswer, connection: "over", source: undefined });
  });
  return () => source.close();
}

/** Why there is no stream: the row tells, or the problem that the server has with it. */
async function explain(resultId: string, tell: Follower["tell"]): Promise<void> {
  try {
    tell({ run: await ask<RunAnswer>(pathOf("api", "results", resultId)) });
  } catch (error) {
    tell({ error });
  }
}

/** Calls at most once for each picture of the screen. */
function onceAFrame(call: () => void): () => void {
  let isWaiting = false;
  return () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      call();
    });
  };
}
