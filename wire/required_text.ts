/**
 * What a text must hold for a pattern of RE2 to match it, as far as that is easily told: the question that an index
 * of text can answer. Letters stand for both their cases.
 *
 * 1. Whatever the pattern matches holds what is required; what holds it need not match.
 * 2. What is not understood here requires nothing. The pattern itself was accepted by the engine before.
 */

export type Required =
  /** Nothing is known of it: every text may match. */
  | { readonly kind: "anything" }
  /** The text, in whatever case. */
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "all" | "one of"; readonly parts: readonly Required[] };

export const ANYTHING: Required = { kind: "anything" };

/** What every text holds that the pattern matches. */
export function requiredText(pattern: string): Required {
  const reader = new PatternReader(pattern);
  try {
    const { required } = reader.alternatives({ foldsCase: false });
    return reader.isAtEnd ? required : ANYTHING;
  } catch (thrown) {
    if (thrown instanceof NotUnderstood) return ANYTHING;
    throw thrown;
  }
}

const PLAIN = /^\^((?:[^\\^$.|?*+()[\]{}]|\\[ !-/:-@[-`{-~])*)\$$/;

/** The one text that a pattern such as `^a-plain-text$` matches; undefined where it is another kind of pattern. */
export function onlyText(pattern: string): string | undefined {
  return PLAIN.exec(pattern)?.[1]?.replaceAll(/\\(.)/g, "$1");
}

/** All of them together. */
export function allOf(parts: readonly Required[]): Required {
  const telling = parts.flatMap((part) => part.kind === "all" ? part.parts : [part])
    .filter(({ kind }) => kind !== "anything");
  const [only] = telling;
  if (only === undefined) return ANYTHING;
  return telling.length === 1 ? only : { kind: "all", parts: telling };
}

/** One of them at least. */
function oneOf(parts: readonly Required[]): Required {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  return parts.some(({ kind }) => kind === "anything") ? ANYTHING : { kind: "one of", parts };
}

class NotUnderstood extends Error {}

interface Flags {
  readonly foldsCase: boolean;
}

/** What a part of a pattern matches: just this text and nothing else, or something that holds what is required. */
interface Part {
  readonly exact: string | undefined;
  readonly required: Required;
}

const UNKNOWN: Part = { exact: undefined, required: ANYTHING };
/** What matches between two characters, such as `^` or `\b`. */
const EMPTY: Part = { exact: "", required: ANYTHING };

const CONTROL_ESCAPES: Readonly<Record<string, string>> = {
  a: "\x07",
  f: "\f",
  t: "\t",
  n: "\n",
  r: "\r",
  v: "\v",
};
const ASSERTIONS = "AbBz";
const CLASSES = "dDsSwWC";
const PUNCTUATION = /^[ !-/:-@[-`{-~]$/;
const REPEAT = /^\{(\d{1,4})(?:,(\d{0,4}))?\}/;
const FLAGS = /^\?([imsU]*)(?:-([imsU]+))?([:)])/;
const NAMED = /^\?P?<[A-Za-z_0-9]+>/;

class PatternReader {
  readonly #characters: readonly string[];
  #at = 0;

  constructor(pattern: string) {
    this.#characters = [...pattern];
  }

  get isAtEnd(): boolean {
    return this.#at === this.#characters.length;
  }

  /** `a|b|c`, up to a closing bracket or the end. */
  alternatives(flags: Flags): Part {
    const branch = { flags };
    const parts = [this.#sequence(branch)];
    while (this.#take("|")) parts.push(this.#sequence(branch));
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return only;
    return { exact: undefined, required: oneOf(parts.map(({ required }) => required)) };
  }

  /** A flag that is set within a sequence holds to the end of its group, in further alternatives too. */
  #sequence(branch: { flags: Flags }): Part {
    const run = new Run();
    while (!this.isAtEnd && this.#next !== "|" && this.#next !== ")") {
      const flags = this.#flagsAlone();
      if (flags === undefined) {
        run.add(this.#repeated(this.#atom(branch.flags)));
        continue;
      }
      branch.flags = withFlags(branch.flags, flags);
      // It would be of what stands before the flags.
      if (this.#leastCount() !== undefined) throw new NotUnderstood();
    }
    return run.end();
  }

  get #next(): string | undefined {
    return this.#characters[this.#at];
  }

  #take(character: string): boolean {
    if (this.#next !== character) return false;
    this.#at += 1;
    return true;
  }

  #read(): string {
    const character = this.#next;
    if (character === undefined) throw new NotUnderstood();
    this.#at += 1;
    return character;
  }

  /** What a regular expression finds right here; it is passed over. */
  #takeMatch(expression: RegExp): RegExpExecArray | undefined {
    const rest = this.#characters.slice(this.#at, this.#at + 1_000).join("");
    const match = expression.exec(rest) ?? undefined;
    this.#at += [...match?.[0] ?? ""].length;
    return match;
  }

  /** `(?i)` */
  #flagsAlone(): RegExpExecArray | undefined {
    if (this.#next !== "(") return undefined;
    const before = this.#at;
    this.#at += 1;
    const match = this.#takeMatch(FLAGS);
    if (match?.[3] === ")") return match;
    this.#at = before;
    return undefined;
  }

  #atom(flags: Flags): Part {
    const character = this.#read();
    switch (character) {
      case "(":
        return this.#group(flags);
      case "[":
        return this.#characterClass(flags);
      case "\\":
        return this.#escape(flags);
      case ".":
        return UNKNOWN;
      case "^":
      case "$":
        return EMPTY;
      case "*":
      case "+":
      case "?":
        throw new NotUnderstood();
      default:
        return literal(character, flags);
    }
  }

  #group(flags: Flags): Part {
    let within = flags;
    if (this.#next === "?") {
      const set = this.#takeMatch(FLAGS);
      if (set !== undefined) within = withFlags(flags, set);
      else if (this.#takeMatch(NAMED) === undefined) throw new NotUnderstood();
    }
    const part = this.alternatives(within);
    if (!this.#take(")")) throw new NotUnderstood();
    return part;
  }

  #escape(flags: Flags): Part {
    const character = this.#read();
    if (character === "Q") return this.#quoted(flags);
    if (ASSERTIONS.includes(character)) return EMPTY;
    if (CLASSES.includes(character)) return UNKNOWN;
    if (character === "p" || character === "P") {
      this.#propertyName();
      return UNKNOWN;
    }
    return literal(this.#escapedCharacter(character), flags);
  }

  #escapedCharacter(character: string): string {
    const control = CONTROL_ESCAPES[character];
    if (control !== undefined) return control;
    if (PUNCTUATION.test(character)) return character;
    if (character !== "x") throw new NotUnderstood();
    const digits = this.#takeMatch(/^(?:\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{2}))/);
    const code = Number.parseInt(digits?.[1] ?? digits?.[2] ?? "", 16);
    if (!(code <= 0x10ffff)) throw new NotUnderstood();
    return String.fromCodePoint(code);
  }

  /** `\Q…\E`: a repetition that follows is of the last character alone. */
  #quoted(flags: Flags): Part {
    const quoted: string[] = [];
    while (!this.isAtEnd) {
      if (this.#next === "\\" && this.#characters[this.#at + 1] === "E") {
        this.#at += 2;
        break;
      }
      quoted.push(this.#read());
    }
    if ("*+?{".includes(this.#next ?? " ")) throw new NotUnderstood();
    const run = new Run();
    for (const character of quoted) run.add(literal(character, flags));
    return run.end();
  }

  /** Of a class only this is of use: whether it is one character, in one case or in both. */
  #characterClass(flags: Flags): Part {
    const isNegated = this.#take("^");
    const members: (string | undefined)[] = [];
    do members.push(this.#classMember()); while (!this.#take("]"));
    const [first] = members;
    if (isNegated || first === undefined) return UNKNOWN;
    const isOne = members.every((member) => member?.toLowerCase() === first.toLowerCase());
    const isPlain = members.length === 1 || /^[A-Za-z]$/.test(first);
    return isOne && isPlain ? literal(first, flags) : UNKNOWN;
  }

  /** One character, or undefined for what stands for several. */
  #classMember(): string | undefined {
    const member = this.#classCharacter();
    const dash = this.#characters[this.#at];
    if (dash !== "-" || this.#characters[this.#at + 1] === "]") return member;
    this.#at += 1;
    this.#classCharacter();
    return undefined;
  }

  #classCharacter(): string | undefined {
    if (this.#next === "[") {
      if (this.#takeMatch(/^\[:\^?[a-z]+:\]/) !== undefined) return undefined;
      return this.#read();
    }
    const character = this.#read();
    if (character !== "\\") return character;
    const escaped = this.#read();
    if (CLASSES.includes(escaped)) return undefined;
    if (escaped !== "p" && escaped !== "P") return this.#escapedCharacter(escaped);
    this.#propertyName();
    return undefined;
  }

  /** What follows `\p`: one letter, or a name in braces. */
  #propertyName(): void {
    if (!this.#take("{")) this.#read();
    else while (this.#read() !== "}");
  }

  /** The part as often as what follows it says. */
  #repeated(part: Part): Part {
    const least = this.#leastCount();
    if (least === undefined) return part;
    this.#take("?");
    if (this.#next !== undefined && "*+?".includes(this.#next)) throw new NotUnderstood();
    return least === 0 ? UNKNOWN : { exact: undefined, required: requiredOf(part) };
  }

  #leastCount(): number | undefined {
    if (this.#take("*") || this.#take("?")) return 0;
    if (this.#take("+")) return 1;
    if (this.#next !== "{") return undefined;
    // A brace that counts nothing is a character like any other.
    const counts = this.#takeMatch(REPEAT);
    return counts === undefined ? undefined : Number(counts[1]);
  }
}

/** Parts one after the other: texts that stand side by side are one text. */
class Run {
  readonly #required: Required[] = [];
  #text = "";
  #isExact = true;

  add(part: Part): void {
    if (part.exact !== undefined) {
      this.#text += part.exact;
      return;
    }
    this.#isExact = false;
    this.#endText();
    this.#required.push(part.required);
  }

  end(): Part {
    const exact = this.#isExact ? this.#text : undefined;
    this.#endText();
    return { exact, required: allOf(this.#required) };
  }

  #endText(): void {
    if (this.#text !== "") this.#required.push({ kind: "text", text: this.#text });
    this.#text = "";
  }
}

function requiredOf({ exact, required }: Part): Required {
  return exact === undefined || exact === "" ? required : { kind: "text", text: exact };
}

/** Outside of ASCII the cases of a letter are not told apart from other letters here. */
function literal(character: string, { foldsCase }: Flags): Part {
  if (foldsCase && character > "\x7f") return UNKNOWN;
  return { exact: character, required: { kind: "text", text: character } };
}

function withFlags(flags: Flags, [, set = "", cleared = ""]: RegExpExecArray): Flags {
  if (cleared.includes("i")) return { foldsCase: false };
  return set.includes("i") ? { foldsCase: true } : flags;
}
