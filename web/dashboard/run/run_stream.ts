/** A run as it goes on: its row, and its output as it is printed. */
import { useEffect, useReducer, useRef, useState } from "preact/hooks";
import { type AnySchema, eventOf, type Parsed } from "../../../wire/codec.ts";
import { RunAnswer } from "../../../wire/http.ts";
import { GapEvent, OutputEvent, RestartEvent, SourceEvent } from "../../../wire/http_live.ts";
import { ApiError, ask, pathOf } from "../../shared/api.ts";
import { onGap, onLiveEvent } from "../../shared/live.ts";
import { useSeen } from "../../shared/seen.ts";
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
const NEWER = "The server says what this page cannot read, because it is older: load it again";
/** After a refusal the stream is asked for again after this, milliseconds. */
const RETRY_MS = 3_000;

/** Follows the run until it has settled, and again when its truth comes later. */
export function useRunStream(resultId: string): RunStream {
  const [round, again] = useReducer((count: number) => count + 1, 0);
  const [version, changed] = useReducer((count: number) => count + 1, 0);
  const [state, setState] = useState<State>(AT_FIRST);
  const isSeen = useSeen();
  const output = useRef(new Output());
  const settledAs = useRef<string | null | undefined>(undefined);
  useEffect(() => {
    if (!isSeen || settledAs.current !== undefined) return undefined;
    return follow(resultId, {
      show: (fresh) => output.current = fresh,
      changed: onceAFrame(() => changed(0)),
      tell: (part) => {
        if (part.connection === "over") settledAs.current = part.run?.outcome;
        setState((before) => ({ ...before, ...part }));
      },
      again: () => again(0),
    });
  }, [resultId, round, isSeen]);
  useEffect(() => {
    const doubt = () => {
      settledAs.current = undefined;
      again(0);
    };
    const stops = [
      onLiveEvent((event) => {
        if (event.type !== "run" || event.result_id !== resultId) return;
        if (settledAs.current !== undefined && event.outcome !== settledAs.current) doubt();
      }),
      // The late truth may have come meanwhile.
      onGap(() => settledAs.current === "expired" && doubt()),
    ];
    return () => stops.forEach((stop) => stop());
  }, [resultId]);
  return { ...state, output: output.current, version, again: () => again(0) };
}

interface Follower {
  /** Of this stream from its beginning: takes the place of what is shown once something of it is there. */
  readonly show: (output: Output) => void;
  readonly changed: () => void;
  readonly tell: (part: Partial<State>) => void;
  readonly again: () => void;
}

function follow(resultId: string, { show, changed, tell, again }: Follower): () => void {
  const source = new EventSource(pathOf("api", "results", resultId, "stream"));
  const output = new Output();
  let retry: ReturnType<typeof setTimeout> | undefined;
  const on = <S extends AnySchema>(name: string, schema: S, handle: (event: Parsed<S>) => void) =>
    source.addEventListener(name, ({ data }: MessageEvent<string>) => {
      const event = eventOf(schema, data);
      if (event === undefined) {
        source.close();
        return tell({ error: NEWER, connection: "over" });
      }
      handle(event);
      changed();
    });
  const print = (write: () => void) => {
    write();
    show(output);
  };
  source.onopen = () => tell({ connection: "open", error: undefined });
  source.onerror = () => {
    tell({ connection: "broken" });
    // The browser comes back by itself, but not after a refusal.
    if (source.readyState !== EventSource.CLOSED) return;
    void explain(resultId, tell).then((isFinal) => {
      if (!isFinal) retry = setTimeout(again, RETRY_MS);
    });
  };
  on("run", RunAnswer, (run) => tell({ run }));
  on("source", SourceEvent, ({ state }) => tell({ source: state }));
  on("output", OutputEvent, ({ stream, text }) => print(() => output.write(stream, text)));
  on("gap", GapEvent, ({ stream, bytes }) => print(() => output.gap(stream, bytes)));
  on("restart", RestartEvent, ({ stream }) => print(() => output.restart(stream)));
  on("settled", RunAnswer, (run) => {
    source.close();
    show(output);
    tell({ run, connection: "over", source: undefined });
  });
  return () => {
    source.close();
    clearTimeout(retry);
  };
}

/** Why there is no stream: the row tells, or the problem that the server has with it. Whether that is for good. */
async function explain(resultId: string, tell: Follower["tell"]): Promise<boolean> {
  try {
    tell({ run: await ask<RunAnswer>(pathOf("api", "results", resultId)) });
    return false;
  } catch (error) {
    tell({ error });
    return error instanceof ApiError && error.status < 500;
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
