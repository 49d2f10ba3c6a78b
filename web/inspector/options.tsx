/** The events that a machine takes where it is, and what each would do. */
import type { OptionAnswer } from "../../wire/http_inspector.ts";

const WORDS: Readonly<Record<OptionAnswer["does"], string>> = {
  moves: "moves on",
  stays: "stays",
  nothing: "no effect",
  refused: "refused",
  depends: "depends",
};

const TONES: Readonly<Record<OptionAnswer["does"], string | undefined>> = {
  moves: "good",
  stays: "busy",
  nothing: undefined,
  refused: "bad",
  depends: "warning",
};

export function Options({ options }: { readonly options: readonly OptionAnswer[] }) {
  if (options.length === 0) {
    return <p class="muted">It is at its end: it takes no event any more.</p>;
  }
  const told = options.filter(({ does }) => does !== "nothing");
  const ignored = [
    ...new Set(
      options.filter(({ does }) => does === "nothing").map(({ event }) => event),
    ),
  ].filter((event) => !told.some((one) => one.event === event));
  return (
    <>
      <ul class="options">
        {told.map(({ event, when, does, words }) => (
          <li key={`${event} ${when ?? ""}`}>
            <div class="row">
              <code class="event-name">{event}</code>
              <span class="badge" data-tone={TONES[does]}>{WORDS[does]}</span>
            </div>
            <p>
              {when !== null && <span class="muted">When {when}:{" "}</span>}
              {words}
            </p>
          </li>
        ))}
      </ul>
      {ignored.length > 0 && (
        <p class="muted small">
          It takes no notice of {ignored.map((event, index) => (
            <span key={event}>
              {index > 0 && ", "}
              <code>{event}</code>
            </span>
          ))}.
        </p>
      )}
    </>
  );
}

/** Ids of the transitions that one of the options would take. */
export function possibleOf(options: readonly OptionAnswer[]): readonly string[] {
  return options.flatMap(({ transition }) => transition ?? []);
}
