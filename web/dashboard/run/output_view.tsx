/** The output of a run as a terminal would show it, with a way to follow, find, copy and keep it. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { OUTPUT_STREAMS } from "../../../wire/http_live.ts";
import { textOfLine } from "../../shared/ansi.ts";
import { useVirtualRows } from "../../shared/virtual.ts";
import { CopyButton, download } from "../../shared/ui/clipboard.tsx";
import { Icon } from "../../shared/ui/icons.tsx";
import { Segments } from "../../shared/ui/segments.tsx";
import type { Output, OutputLine } from "./output.ts";
import { LineText } from "./line_text.tsx";

type Choice = (typeof OUTPUT_STREAMS)[number] | "both";

/** As the style sheet has it, pixels. */
const LINE_HEIGHT = 20;
/** So near to the end counts as there, pixels. */
const END_SLACK = 24;

export interface OutputViewProps {
  readonly output: Output;
  /** Grows with each change. */
  readonly version: number;
  readonly isLive: boolean;
  /** For the name of the file. */
  readonly name: string;
  /** What stands there when there is no output. */
  readonly nothing: string;
}

export function OutputView({ output, version, isLive, name, nothing }: OutputViewProps) {
  const [choice, setChoice] = useState<Choice>("both");
  const [needle, setNeedle] = useState("");
  const [chosen, setChosen] = useState(0);
  const [follows, setFollows] = useState(true);
  const scroller = useRef<HTMLDivElement>(null);
  const lines = useMemo(() => output.linesOf(choice), [output, version, choice]);
  const found = useMemo(() => linesWith(lines, needle), [lines, version, needle]);
  const virtualizer = useVirtualRows({
    count: lines.length,
    rowHeight: LINE_HEIGHT,
    scroller,
    overscan: 40,
  });

  useEffect(() => {
    if (isLive && follows) scroller.current?.scrollTo({ top: scroller.current.scrollHeight });
  }, [version, follows, isLive, choice]);
  const goToFound = (index: number) => {
    if (found.length === 0) return;
    const next = (index + found.length) % found.length;
    setChosen(next);
    setFollows(false);
    virtualizer.scrollToIndex(found[next] ?? 0, { align: "center" });
  };
  const items = virtualizer.getVirtualItems();
  return (
    <section class="card output-card" aria-label="Output">
      <div class="card-head">
        <StreamChoice choice={choice} onChoose={setChoice} output={output} />
        <div class="row">
          <Find
            needle={needle}
            found={found.length}
            chosen={Math.min(chosen, Math.max(0, found.length - 1))}
            onNeedle={(text) => {
              setNeedle(text);
              setChosen(0);
            }}
            onStep={(step) => goToFound(chosen + step)}
            onFirst={() => goToFound(chosen)}
          />
          {isLive && <FollowButton follows={follows} onToggle={() => setFollows(!follows)} />}
          <CopyButton label="Copy" text={() => output.shownText(choice)} />
          <DownloadButton output={output} choice={choice} name={name} />
        </div>
      </div>
      <div
        ref={scroller}
        class="output"
        tabIndex={0}
        role="log"
        aria-label={choice === "both" ? "stdout and stderr" : choice}
        aria-live="off"
        data-lines={lines.length}
        onScroll={({ currentTarget }) => {
          if (isLive) setFollows(isAtEnd(currentTarget));
        }}
      >
        {lines.length === 0
          ? <p class="output-nothing">{nothing}</p>
          : (
            <div class="output-lines" style={{ height: `${virtualizer.getTotalSize()}px` }}>
              <div style={{ transform: `translateY(${items[0]?.start ?? 0}px)` }}>
                {items.map(({ index }) => {
                  const line = lines[index];
                  return line && (
                    <LineText
                      key={index}
                      line={line}
                      length={line.length}
                      needle={needle}
                      isChosen={needle !== "" && found[chosen] === index}
                    />
                  );
                })}
              </div>
            </div>
          )}
      </div>
    </section>
  );
}

function isAtEnd({ scrollTop, clientHeight, scrollHeight }: HTMLElement): boolean {
  return scrollTop + clientHeight >= scrollHeight - END_SLACK;
}

function linesWith(lines: readonly OutputLine[], needle: string): readonly number[] {
  if (needle === "") return [];
  const wanted = needle.toLowerCase();
  return lines.flatMap((line, index) =>
    textOfLine(line).toLowerCase().includes(wanted) ? [index] : []
  );
}

function StreamChoice({ choice, onChoose, output }: {
  readonly choice: Choice;
  readonly onChoose: (choice: Choice) => void;
  readonly output: Output;
}) {
  const choices: readonly Choice[] = ["both", ...OUTPUT_STREAMS];
  return (
    <Segments
      label="Streams"
      options={choices.map((each) => [
        each,
        <>
          {each} <span class="number muted">{output.linesOf(each).length}</span>
        </>,
      ])}
      chosen={choice}
      onChoose={onChoose}
    />
  );
}

function Find({ needle, found, chosen, onNeedle, onStep, onFirst }: {
  readonly needle: string;
  readonly found: number;
  readonly chosen: number;
  readonly onNeedle: (text: string) => void;
  readonly onStep: (step: number) => void;
  readonly onFirst: () => void;
}) {
  const [isNew, setIsNew] = useState(true);
  const step = (by: number) => {
    if (isNew) onFirst();
    else onStep(by);
    setIsNew(false);
  };
  return (
    <div class="find" role="search">
      <input
        class="input"
        type="search"
        placeholder="Find in output"
        aria-label="Find in output"
        value={needle}
        onInput={({ currentTarget }) => {
          onNeedle(currentTarget.value);
          setIsNew(true);
        }}
        onKeyDown={(event) => {
          if (event.key === "Enter") step(event.shiftKey ? -1 : 1);
        }}
      />
      {needle !== "" && (
        <>
          <span class="muted small number nowrap" role="status">
            {found === 0 ? "none" : `${chosen + 1} of ${found} lines`}
          </span>
          <button type="button" class="button quiet small" onClick={() => step(-1)}>
            <Icon name="up" />
            <span class="sr-only">Line before</span>
          </button>
          <button type="button" class="button quiet small" onClick={() => step(1)}>
            <Icon name="down" />
            <span class="sr-only">Next line</span>
          </button>
        </>
      )}
    </div>
  );
}

function FollowButton({ follows, onToggle }: {
  readonly follows: boolean;
  readonly onToggle: () => void;
}) {
  return (
    <button type="button" class="button small" aria-pressed={follows} onClick={onToggle}>
      <Icon name={follows ? "pause" : "down"} />
      {follows ? "Pause" : "Follow"}
    </button>
  );
}

/** The bytes as they came, not what a terminal makes of them. */
function DownloadButton({ output, choice, name }: {
  readonly output: Output;
  readonly choice: Choice;
  readonly name: string;
}) {
  const streams = choice === "both" ? OUTPUT_STREAMS : [choice];
  const save = () => {
    for (const stream of streams) {
      const text = output.textOf(stream);
      if (text !== "") download(`${name}.${stream}.txt`, text);
    }
  };
  return (
    <button type="button" class="button quiet small" onClick={save}>
      <Icon name="download" />
      Download
    </button>
  );
}
