import type { CSSProperties } from "preact";
import { memo } from "preact/compat";
import type { Span, Style } from "../../shared/ansi.ts";
import type { OutputLine } from "./output.ts";

export interface LineTextProps {
  readonly line: OutputLine;
  /** Of the line now: it tells that the line has grown. */
  readonly length: number;
  readonly needle: string;
  readonly isChosen: boolean;
}

/** One line of output, as text and nothing else, with what is looked for marked. */
export const LineText = memo(({ line, needle, isChosen }: LineTextProps) => (
  <div class="output-line" data-stream={line.stream} data-chosen={isChosen || undefined}>
    {partsOf(line.spans, needle).map(({ text, style, isFound }, index) => {
      const inside = isFound ? <mark>{text}</mark> : text;
      return style === undefined
        ? inside
        : <span key={index} class={classOf(style)} style={colorsOf(style)}>{inside}</span>;
    })}
    {line.spans.length === 0 && "\u00a0"}
  </div>
));

interface Part extends Span {
  readonly isFound: boolean;
}

/** The spans, cut where a match begins or ends; matches may reach over several. */
export function partsOf(spans: readonly Span[], needle: string): readonly Part[] {
  if (needle === "") return spans.map((span) => ({ ...span, isFound: false }));
  const text = spans.map((span) => span.text).join("");
  const ranges = rangesOf(text.toLowerCase(), needle.toLowerCase());
  let at = 0;
  return spans.flatMap((span) => {
    const from = at;
    const to = at + span.text.length;
    at = to;
    const cuts = ranges.flat().filter((cut) => cut > from && cut < to);
    const edges = [from, ...cuts, to];
    return edges.slice(0, -1).map((edge, index) => ({
      text: text.slice(edge, edges[index + 1]),
      style: span.style,
      isFound: ranges.some(([begin, end]) => edge >= begin && edge < end),
    }));
  });
}

function rangesOf(text: string, needle: string): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + needle.length)) {
    ranges.push([at, at + needle.length]);
  }
  return ranges;
}

function classOf({ bold, dim, italic, underline, strike, inverse, fg, bg }: Style): string {
  const [front, back] = inverse ? [bg ?? "back", fg ?? "front"] : [fg, bg];
  return [
    bold && "ansi-bold",
    dim && "ansi-dim",
    italic && "ansi-italic",
    underline && "ansi-underline",
    strike && "ansi-strike",
    isNamed(front) && `ansi-fg-${front}`,
    isNamed(back) && `ansi-bg-${back}`,
  ].filter(Boolean).join(" ");
}

function isNamed(color: number | string | undefined): boolean {
  return typeof color === "number" || color === "front" || color === "back";
}

/** Colours that no class can name. The page's policy lets a script set them, and no markup. */
function colorsOf({ fg, bg, inverse }: Style): CSSProperties | undefined {
  const [front, back] = inverse ? [bg, fg] : [fg, bg];
  return {
    ...(typeof front === "string" ? { color: front } : {}),
    ...(typeof back === "string" ? { backgroundColor: back } : {}),
  };
}
