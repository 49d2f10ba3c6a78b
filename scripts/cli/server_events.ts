/** One event of a server-sent stream. */
export interface ServerEvent {
  readonly event: string;
  readonly data: string;
  /** By which the stream can be gone on with. */
  readonly id?: string;
}

/** The events of a server-sent stream, until it ends (the part of the WHATWG's rules that our server uses). */
export async function* serverEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    const frames = text.split("\n\n");
    text = frames.pop() ?? "";
    yield* frames.map(eventOf).filter((event) => event !== undefined);
  }
}

/** Comments, such as the server's sign of life, are no event. */
function eventOf(frame: string): ServerEvent | undefined {
  const lines = frame.split("\n");
  const field = (name: string) =>
    lines.filter((line) => line.startsWith(`${name}: `)).map((line) => line.slice(name.length + 2));
  const data = field("data");
  const [id] = field("id");
  return data.length === 0 ? undefined : {
    event: field("event")[0] ?? "message",
    data: data.join("\n"),
    ...(id === undefined ? {} : { id }),
  };
}
