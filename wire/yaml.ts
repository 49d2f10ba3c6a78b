/**
 * The one parser of YAML text. YAML 1.2 core schema, and of it only what JSON can hold:
 *
 * 1. What comes back is plain JSON: no cycle, no NaN, no integer that a number cannot hold exactly, string keys.
 * 2. Nothing is guessed: tags, merge keys, duplicate keys and `__proto__` are refused.
 * 3. Work is bounded by length, by the number of lexemes, and by depth before anything recurses: a regular
 *    expression that is first compiled near the end of the stack would end the process, not throw.
 */
import {
  type Alias,
  Composer,
  type CST,
  type Document,
  isScalar,
  Lexer,
  LineCounter,
  type Pair,
  Parser,
  type Scalar,
  visit,
  type YAMLError,
  type YAMLMap,
} from "yaml";
import { Fault, type Json, messageOf } from "./fault.ts";
import { utf8Length } from "./scalars.ts";

/** Texts above this many UTF-8 bytes are refused. */
const MAX_YAML_BYTES = 1_048_576;
/** The parser makes some 200,000 a second; a schedule over 20,000 PCs has as many as this. */
const MAX_LEXEMES = 100_000;
/** How deep collections may nest; people write fewer than 10. */
const MAX_DEPTH = 64;
/** Finding what an alias means walks the whole document. */
const MAX_ALIASES = 100;
/** How many nodes aliases may stand for (`maxAliasCount` of the library). */
const MAX_ALIASED_NODES = 100;

/** Makes the fault of a text: why, and at which offset. */
type Refuse = (why: string, offset?: number) => Fault;

/**
 * The JSON value of a YAML text. (JSON itself is YAML.)
 *
 * @param what what the text is, for the message: `manifest`, `schedule`
 * @throws {Fault} `invalid_input` with `details.line` and `details.column`, both from 1; `too_large`
 */
export function parseYaml(what: string, text: string): Json {
  checkLength(what, text);
  const lines = new LineCounter();
  const refuse: Refuse = (why, offset) => refused(what, why, offset, lines);
  const tokens = tokensOf(text, lines, refuse);
  checkDepth(tokens, refuse);
  const document = documentOf(tokens, text.length, refuse);
  if (document === undefined) return null;
  checkNodes(document, refuse);
  return valueOf(document, refuse);
}

function checkLength(what: string, text: string): void {
  const bytes = utf8Length(text);
  if (bytes <= MAX_YAML_BYTES) return;
  const limit = `it has ${bytes} bytes, and ${MAX_YAML_BYTES} are allowed`;
  throw new Fault("too_large", `Cannot read the ${what}: ${limit}`);
}

function tokensOf(text: string, lines: LineCounter, refuse: Refuse): readonly CST.Token[] {
  const parser = new Parser(lines.addNewLine);
  lines.addNewLine(0);
  const tokens: CST.Token[] = [];
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    lexemes += 1;
    if (lexemes > MAX_LEXEMES) throw refuse(`it has more than ${MAX_LEXEMES} parts`);
    tokens.push(...parser.next(lexeme));
  }
  tokens.push(...parser.end());
  return tokens;
}

/** Walks with a list, not by recursion: the tree may be as deep as the text is long. */
function checkDepth(tokens: readonly CST.Token[], refuse: Refuse): void {
  const left = tokens.map((token) => ({ token, depth: 0 }));
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { token, depth } = next;
    if (depth > MAX_DEPTH) throw refuse(`it nests deeper than ${MAX_DEPTH}`, token.offset);
    for (const child of childrenOf(token)) left.push({ token: child, depth: depth + 1 });
  }
}

function childrenOf(token: CST.Token): readonly CST.Token[] {
  if (token.type === "document") return token.value === undefined ? [] : [token.value];
  if (!("items" in token)) return [];
  return token.items.flatMap(({ key, value }) =>
    [key, value].filter((child) => child !== undefined && child !== null)
  );
}

function documentOf(
  tokens: readonly CST.Token[],
  length: number,
  refuse: Refuse,
): Document | undefined {
  const composer = new Composer({
    merge: false,
    prettyErrors: false,
    resolveKnownTags: false,
    schema: "core",
    stringKeys: true,
    // Checked below: the library compares every key with every other.
    uniqueKeys: false,
  });
  const [document, second] = composer.compose(tokens, true, length);
  const problem = document?.errors[0] ?? document?.warnings[0];
  if (problem !== undefined) throw refuse(plainMessage(problem), problem.pos[0]);
  if (second !== undefined) throw refuse("it holds more than one document", second.range[0]);
  return document;
}

function plainMessage({ code, message }: YAMLError): string {
  const plain = message.charAt(0).toLowerCase() + message.slice(1);
  return code === "TAG_RESOLVE_FAILED" ? `${plain}; tags are not supported` : plain;
}

function checkNodes(document: Document, refuse: Refuse): void {
  let aliases = 0;
  visit(document, {
    Map: (_key, map) => checkUnique(map, refuse),
    Pair: (_key, pair) => checkKey(pair, refuse),
    Scalar: (_key, scalar) => checkNumber(scalar, refuse),
    Alias: (_key, alias, path) => {
      aliases += 1;
      if (aliases > MAX_ALIASES) throw refuse(`it has more than ${MAX_ALIASES} aliases`, at(alias));
      checkAlias(alias, document, path, refuse);
    },
  });
}

function checkUnique(map: YAMLMap, refuse: Refuse): void {
  const seen = new Set<string>();
  for (const { key } of map.items) {
    const name = nameOf(key);
    if (seen.has(name)) throw refuse(`the key ${JSON.stringify(name)} stands there twice`, at(key));
    seen.add(name);
  }
}

function checkKey({ key }: Pair, refuse: Refuse): void {
  const name = nameOf(key);
  if (name === "<<") throw refuse('merge keys ("<<") are not supported', at(key));
  if (name === "__proto__") throw refuse('the key "__proto__" is not allowed', at(key));
}

function checkNumber(scalar: Scalar, refuse: Refuse): void {
  const { value } = scalar;
  if (typeof value !== "number") return;
  if (!Number.isFinite(value)) throw refuse(`JSON cannot hold ${value}`, at(scalar));
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw refuse("the number is too large to be exact; quote it to keep it as text", at(scalar));
  }
}

function checkAlias(
  alias: Alias,
  document: Document,
  path: readonly unknown[],
  refuse: Refuse,
): void {
  const target = alias.resolve(document);
  if (target === undefined) throw refuse(`no &${alias.source} stands before it`, at(alias));
  if (path.includes(target)) throw refuse(`*${alias.source} stands inside itself`, at(alias));
}

function valueOf(document: Document, refuse: Refuse): Json {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASED_NODES });
  } catch (thrown) {
    // All else was checked: what is left is aliases that multiply.
    throw refuse(messageOf(thrown));
  }
}

/** The text of a key; with `stringKeys` every key is a scalar. */
function nameOf(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}

function at(node: unknown): number | undefined {
  return (node as { range?: readonly number[] | null } | null)?.range?.[0];
}

function refused(
  what: string,
  why: string,
  offset: number | undefined,
  lines: LineCounter,
): Fault {
  if (offset === undefined) {
    return new Fault("invalid_input", `Cannot read the ${what}: ${why}`, { details: { path: "" } });
  }
  const { line, col: column } = lines.linePos(offset);
  const place = `line ${line}, column ${column}`;
  return new Fault("invalid_input", `Cannot read the ${what} at ${place}: ${why}`, {
    details: { path: "", line, column },
  });
}
