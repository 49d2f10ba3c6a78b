import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AnsiReader, type Line, MAX_LINE, styleAfter, textOfLine } from "../../web/shared/ansi.ts";
import { printedSeed } from "../harness/property.ts";

function read(...chunks: readonly string[]): readonly Line[] {
  const lines: Line[] = [];
  const reader = new AnsiReader((line) => lines.push(line));
  for (const chunk of chunks) reader.write(chunk);
  return lines;
}

const shown = (...chunks: readonly string[]) => read(...chunks).map(textOfLine);

const CASES: readonly (readonly [rule: string, output: string, lines: readonly string[]])[] = [
  ["lines end at a line feed, with or without a carriage return", "a\nb\r\nc", ["a", "b", "c"]],
  ["an empty line is a line", "a\n\nb\n", ["a", "", "b"]],
  ["a carriage return lets what follows take the place of the line", "10%\r50%\r99%\n", ["99%"]],
  ["colours are no text", "\u001b[1;31mred\u001b[0m plain", ["red plain"]],
  ["what moves the cursor or asks the terminal is dropped", "a\u001b[2J\u001b[10;3Hb\u001b[?25l", [
    "ab",
  ]],
  ["a title and a link are dropped", "\u001b]0;owned\u0007a\u001b]8;;http://x\u001b\\b", ["ab"]],
  ["a control character is shown as its picture", "a\0b\u0007", ["a␀b␇"]],
  ["markup is text", "<script>alert(1)</script>", ["<script>alert(1)</script>"]],
];

for (const [rule, output, lines] of CASES) {
  test(rule, () => assert.deepEqual(shown(output), lines));
}

test("a sequence that never ends is shown in the end", () => {
  const endless = "1;".repeat(MAX_LINE);
  assert.equal(shown(`\u001b[${endless}`).join(""), `␛[${endless}`);
});

test("a style holds until it is changed, over lines", () => {
  const [first, second] = read("\u001b[32mone\ntwo\u001b[39m three");
  assert.deepEqual(first?.spans, [{ text: "one", style: { fg: 2 } }]);
  assert.deepEqual(second?.spans, [
    { text: "two", style: { fg: 2 } },
    { text: " three", style: undefined },
  ]);
});

test("colours are read of 16, of 256 and of all", () => {
  assert.deepEqual(styleAfter(undefined, "97;44"), { fg: 15, bg: 4 });
  assert.deepEqual(styleAfter(undefined, "38;5;9"), { fg: 9 });
  assert.deepEqual(styleAfter(undefined, "38;5;196"), { fg: "rgb(255 0 0)" });
  assert.deepEqual(styleAfter(undefined, "48;2;1;2;3;1"), { bg: "rgb(1 2 3)", bold: true });
  assert.deepEqual(styleAfter(undefined, "38;2;999;0;0"), undefined);
  assert.deepEqual(styleAfter({ bold: true }, ""), undefined);
});

test("a line of any length is broken so that it can be shown", () => {
  const lines = shown("x".repeat(MAX_LINE * 2 + 5));
  assert.deepEqual(lines.map(({ length }) => length), [MAX_LINE, MAX_LINE, 5]);
});

test("it makes no difference where the output is cut into chunks", (t) => {
  const piece = fc.constantFrom(
    "\u001b[31m",
    "\u001b[0m",
    "\u001b]0;t\u0007",
    "\u001b(B",
    "\u001b",
    "\r",
    "\n",
    "é<b>",
    "word",
    "\0",
  );
  const cut = fc.array(fc.nat(60), { maxLength: 4 });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), cut, (pieces, cuts) => {
      const text = pieces.join("");
      const edges = [0, ...cuts.map((at) => at % (text.length + 1)).toSorted((a, b) => a - b)];
      const chunks = edges.map((edge, index) => text.slice(edge, edges[index + 1] ?? text.length));
      assert.deepEqual(read(...chunks), read(text));
    }),
    { seed: printedSeed(t) },
  );
});
