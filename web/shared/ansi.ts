/**
 * What a terminal would show of a script's output, as lines of styled text. Colours and weights are read; whatever else
 * an escape sequence asks for is dropped. Nothing here makes markup: who shows it puts it in as text.
 */

export interface Style {
  /** 0 to 15: a colour of the palette; a text: any other, as CSS has it. */
  readonly fg?: number | string | undefined;
  readonly bg?: number | string | undefined;
  readonly bold?: boolean | undefined;
  readonly dim?: boolean | undefined;
  readonly italic?: boolean | undefined;
  readonly underline?: boolean | undefined;
  readonly strike?: boolean | undefined;
  readonly inverse?: boolean | undefined;
}

export interface Span {
  readonly text: string;
  /** Undefined = plain. */
  readonly style: Style | undefined;
}

/** One line. It grows while it is the last one. */
export interface Line {
  spans: Span[];
  /** Characters in it. */
  length: number;
}

/** A longer line is broken, so that one line of a megabyte can be shown, characters. */
export const MAX_LINE = 4_096;
/** No sequence of a terminal is longer: what is, is text. */
const MAX_SEQUENCE = 4_096;

const ESC = "\u001b";
/** Up to where nothing is special. */
const PLAIN = /[^\u0000-\u0008\u000a-\u001f\u007f\u009b]+/y;
const CSI = /(?:\u001b\[|\u009b)([0-?]*)[ -/]*([@-~])/y;
const OSC = /\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\)/y;
const OTHER = /\u001b(?:[ -/]+[0-~]|[0-OQ-WYZ\\`-~])/y;
/** A sequence of which the end may come with the next chunk. */
const UNFINISHED =
  /^(?:\u001b(?:\[[0-?]*[ -/]*|[\]PX^_][^\u0007\u001b]*\u001b?|[ -/]*)?|\u009b[0-?]*[ -/]*)$/;

/** Reads output as it comes, in chunks that end anywhere. */
export class AnsiReader {
  readonly #onLine: (line: Line) => void;
  #line: Line | undefined;
  #style: Style | undefined;
  #rest = "";
  /** A carriage return was read: what comes next is written over the line. */
  #returned = false;

  /** @param onLine called with each line when it begins */
  constructor(onLine: (line: Line) => void) {
    this.#onLine = onLine;
  }

  write(chunk: string): void {
    const text = this.#rest + chunk;
    this.#rest = "";
    let at = 0;
    while (at < text.length) {
      PLAIN.lastIndex = at;
      const plain = PLAIN.exec(text);
      if (plain !== null) {
        this.#put(plain[0]);
        at = PLAIN.lastIndex;
        continue;
      }
      const end = this.#control(text, at);
      if (end === undefined) {
        this.#rest = text.slice(at);
        return;
      }
      at = end;
    }
  }

  /** Takes the control character or sequence at a place; undefined when its end has not come yet. */
  #control(text: string, at: number): number | undefined {
    const char = text[at] ?? "";
    if (char === "\n") {
      this.#newLine();
      return at + 1;
    }
    if (char === "\r") {
      this.#returned = true;
      return at + 1;
    }
    if (char === ESC || char === "\u009b") return this.#sequence(text, at);
    this.#put(pictureOf(char));
    return at + 1;
  }

  #sequence(text: string, at: number): number | undefined {
    CSI.lastIndex = at;
    const csi = CSI.exec(text);
    if (csi !== null) {
      if (csi[2] === "m") this.#style = styleAfter(this.#style, csi[1] ?? "");
      return CSI.lastIndex;
    }
    for (const form of [OSC, OTHER]) {
      form.lastIndex = at;
      if (form.test(text)) return form.lastIndex;
    }
    const rest = text.slice(at);
    if (rest.length < MAX_SEQUENCE && UNFINISHED.test(rest)) return undefined;
    this.#put(pictureOf(ESC));
    return at + 1;
  }

  #newLine(): void {
    this.#returned = false;
    if (this.#line === undefined) this.#begin();
    this.#line = undefined;
  }

  #begin(): Line {
    const line: Line = { spans: [], length: 0 };
    this.#line = line;
    this.#onLine(line);
    return line;
  }

  #put(text: string): void {
    let line = this.#line ?? this.#begin();
    if (this.#returned) {
      line.spans = [];
      line.length = 0;
      this.#returned = false;
    }
    for (let rest = text; rest !== "";) {
      if (line.length >= MAX_LINE) line = this.#begin();
      const part = rest.slice(0, MAX_LINE - line.length);
      append(line, { text: part, style: this.#style });
      rest = rest.slice(part.length);
    }
  }
}

function append(line: Line, span: Span): void {
  const last = line.spans.at(-1);
  line.length += span.text.length;
  if (last !== undefined && last.style === span.style) {
    line.spans[line.spans.length - 1] = { text: last.text + span.text, style: span.style };
  } else line.spans.push(span);
}

/** A control character as something to see: NUL as ␀. */
function pictureOf(char: string): string {
  const code = char.charCodeAt(0);
  return code === 0x7f ? "\u2421" : String.fromCharCode(0x2400 + (code & 0x1f));
}

/** The style after the parameters of one SGR sequence; undefined = plain. */
export function styleAfter(style: Style | undefined, parameters: string): Style | undefined {
  const codes = parameters.split(/[;:]/).map(Number);
  let after: Style = style ?? {};
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] ?? 0;
    if (code === 38 || code === 48) {
      const { color, used } = extendedColor(codes.slice(at + 1));
      if (color !== undefined) after = { ...after, [code === 38 ? "fg" : "bg"]: color };
      at += used;
    } else after = withCode(after, code);
  }
  return Object.values(after).some((value) => value !== undefined) ? after : undefined;
}

const SWITCHES: Readonly<Record<number, Style>> = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
  9: { strike: true },
  22: { bold: undefined, dim: undefined },
  23: { italic: undefined },
  24: { underline: undefined },
  27: { inverse: undefined },
  29: { strike: undefined },
  39: { fg: undefined },
  49: { bg: undefined },
};

function withCode(style: Style, code: number): Style {
  if (code === 0 || Number.isNaN(code)) return {};
  if (code >= 30 && code <= 37) return { ...style, fg: code - 30 };
  if (code >= 40 && code <= 47) return { ...style, bg: code - 40 };
  if (code >= 90 && code <= 97) return { ...style, fg: code - 90 + 8 };
  if (code >= 100 && code <= 107) return { ...style, bg: code - 100 + 8 };
  return { ...style, ...SWITCHES[code] };
}

/** `5;n` or `2;r;g;b`, and how many of the numbers it took. */
function extendedColor(
  codes: readonly number[],
): { readonly color: number | string | undefined; readonly used: number } {
  const [kind, a = 0, b = 0, c = 0] = codes;
  if (kind === 5) return { color: colorOf256(a), used: 2 };
  if (kind !== 2) return { color: undefined, used: codes.length };
  const isColor = [a, b, c].every((part) => part >= 0 && part <= 255);
  return { color: isColor ? `rgb(${a} ${b} ${c})` : undefined, used: 4 };
}

function colorOf256(index: number): number | string | undefined {
  if (!(index >= 0 && index <= 255)) return undefined;
  if (index < 16) return index;
  if (index >= 232) {
    const gray = 8 + (index - 232) * 10;
    return `rgb(${gray} ${gray} ${gray})`;
  }
  const cube = index - 16;
  const part = (step: number) => step === 0 ? 0 : 55 + step * 40;
  return `rgb(${part(Math.floor(cube / 36))} ${part(Math.floor(cube / 6) % 6)} ${part(cube % 6)})`;
}

/** The text of a line without its styles. */
export function textOfLine({ spans }: Line): string {
  return spans.map(({ text }) => text).join("");
}
