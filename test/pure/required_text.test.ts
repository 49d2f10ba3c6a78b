import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { RE2JS } from "re2js";
import { onlyText, type Required, requiredText } from "../../wire/required_text.ts";

/** The requirement as it is read aloud. */
function aloud(required: Required): string {
  switch (required.kind) {
    case "anything":
      return "-";
    case "text":
      return JSON.stringify(required.text).slice(1, -1);
    case "all":
      return required.parts.map(aloud).join(" and ");
    case "one of":
      return `(${required.parts.map(aloud).join(" or ")})`;
  }
}

const CASES: readonly (readonly [pattern: string, required: string])[] = [
  ["disk full", "disk full"],
  ["disk.*full", "disk and full"],
  ["disk (full|gone)", "disk  and (full or gone)"],
  ["(disk) (full)", "disk full"],
  ["a|bc|", "-"],
  ["ab?c", "a and c"],
  ["ab*c", "a and c"],
  ["ab+c", "a and b and c"],
  ["(?:abc)+", "abc"],
  ["(?:abc){0,3}x", "x"],
  ["(?:abc){2}x", "abc and x"],
  ["^error:$", "error:"],
  ["\\berror\\b", "error"],
  ["[Ee]rror", "Error"],
  ["[ef]rror", "rror"],
  ["[^e]rror", "rror"],
  ["[]x]rror", "rror"],
  ["[[:alpha:]]x\\]rror", "x]rror"],
  ["(?i)ERROR", "ERROR"],
  ["(?i)größe", "gr and e"],
  ["(?i:größe)größe", "gr and e and größe"],
  ["a(?i)ü|ü", "-"],
  ["\\Qa.b\\E.c", "a.b and c"],
  ["\\x41\\x{1F600}\\t\\.", "A\u{1F600}\\t."],
  ["\\p{Greek}x\\PNy\\dz", "x and y and z"],
  ['{"ok":true}', '{\\"ok\\":true}'],
  ["a{,3}b", "a{,3}b"],
  ["(?P<name>abc)(?<other>def)", "abcdef"],
  ["(a+)+$", "a"],
  [".*", "-"],
  ["", "-"],
];

for (const [pattern, required] of CASES) {
  test(`what ${pattern} matches holds: ${required}`, () => {
    RE2JS.compile(pattern);
    assert.equal(aloud(requiredText(pattern)), required);
  });
}

test("only a plain text between both ends is the one text that matches", () => {
  assert.equal(onlyText("^a-b_1\\.c$"), "a-b_1.c");
  for (const pattern of ["a", "^a", "a$", "^a|b$", "^a.$", "^(?i)a$", "^\\d$", "^[a]$"]) {
    assert.equal(onlyText(pattern), undefined, pattern);
  }
});

/** As the index sees it: letters of ASCII without their case, and the two other letters that fold to them. */
function folded(text: string): string {
  return text.replaceAll("\u212A", "k").replaceAll("\u017F", "s")
    .replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function holds(text: string, required: Required): boolean {
  switch (required.kind) {
    case "anything":
      return true;
    case "text":
      return folded(text).includes(folded(required.text));
    case "all":
      return required.parts.every((part) => holds(text, part));
    case "one of":
      return required.parts.some((part) => holds(text, part));
  }
}

const PIECES = [
  ..."abkKsS|()[]{}^$.*+?-,\\:012",
  ..."\u00e9\u00c9\u212a\u017f\u{1F600} \n",
  "(?i)",
  "(?-i)",
  "(?i:",
  "(?:",
  "(?P<n>",
  "{0}",
  "{2}",
  "{1,}",
  "{01}",
  "[^",
  "[[:alpha:]]",
  "[a-b]",
  "[kK]",
  "\\Q",
  "\\E",
  "\\d",
  "\\b",
  "\\pL",
  "\\x61",
  "\\x{6b}",
];

test("what a pattern matches holds what is required, whatever the pattern is", () => {
  const patterns = fc.array(fc.constantFrom(...PIECES), { maxLength: 10 })
    .map((pieces) => pieces.join(""));
  const letters = fc.constantFrom(..."abkKsS\u212a\u017f\u00e9\u00c9012 {}\n[]-,:");
  const texts = fc.array(letters, { maxLength: 12 }).map((chars) => chars.join(""));
  const holdsAll = fc.property(patterns, fc.array(texts, { minLength: 20 }), (pattern, several) => {
    const compiled = compile(pattern);
    if (compiled === undefined) return;
    const required = requiredText(pattern);
    for (const text of several) {
      if (compiled.test(text)) assert.ok(holds(text, required), `${pattern} in ${text}`);
    }
  });
  fc.assert(holdsAll, { numRuns: 2_000 });
});

function compile(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern);
  } catch {
    return undefined; // no pattern at all
  }
}
