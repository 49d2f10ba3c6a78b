import assert from "node:assert/strict";
import { test } from "node:test";
import {
  comparePlaces,
  foldIn,
  type Observation,
  sameFacts,
  type Span,
} from "../../actors/inventory_history.ts";
import { readFacts } from "../../wire/inventory_facts.ts";

const FACTS: readonly (readonly [title: string, stdout: string, facts: unknown])[] = [
  ["the whole output", '{"disk": 3}\n', { disk: 3 }],
  ["the whole output after a byte order mark", '\uFEFF{"disk": 3}', { disk: 3 }],
  ["a list", "[1, 2]", [1, 2]],
  ["a fenced block among text", 'Scanning…\n```json\n{"disk": 3}\n```\ndone\n', { disk: 3 }],
  ["a fenced block with Windows line ends", '\r\n```json\r\n{"a": 1}\r\n```\r\n', { a: 1 }],
  ["the first of two blocks", '```json\n{"a":1}\n```\n```json\n{"a":2}\n```\n', { a: 1 }],
  ["a block that is not closed", '```json\n{"a":1}\n', { a: 1 }],
  ["a text that holds a fence", '{"a": "```json"}', { a: "```json" }],
];
for (const [title, stdout, facts] of FACTS) {
  test(`facts are read from ${title}`, () => {
    assert.deepEqual(readFacts(stdout), { kind: "facts", facts });
  });
}

const NO_FACTS: readonly (readonly [title: string, stdout: string, why: RegExp])[] = [
  ["text for people", "All 3 disks are fine.\n", /^its output is not JSON: /],
  ["nothing", " \n", /^it printed nothing$/],
  ["a number", "3\n", /^its output is a number, no object or list$/],
  ["null", "null", /^its output is null, /],
  ["a fenced block of something else", "```json\nfine\n```\n", /^its ```json block is not JSON: /],
  ["an empty fenced block", "```json\n```\n", /^its ```json block is empty$/],
  ["an endless nesting", `${"[".repeat(5_000)}${"]".repeat(5_000)}`, /nests deeper than 64$/],
  ["control characters", "a\0\u001b[2J", /^its output is not JSON: [^\p{Cc}]*$/u],
];
for (const [title, stdout, why] of NO_FACTS) {
  test(`${title} is no fact, and it is said why`, () => {
    const reading = readFacts(stdout);
    assert.match(reading.kind === "none" ? reading.why : "facts", why);
  });
}

test("facts are the same whatever the order of their members, and lists only in their order", () => {
  assert.ok(sameFacts('{"a":1,"b":{"c":2,"d":3}}', '{"b":{"d":3,"c":2},"a":1}'));
  assert.ok(!sameFacts("[1,2]", "[2,1]"));
});

/** A run of each letter, at the time of its place in the text, folded in in this order of times. */
function historyOf(letters: string, order: readonly number[]): readonly Span[] {
  let spans: Span[] = [];
  for (const at of order) {
    const observed: Observation = {
      place: { at, resultId: `r${at}` },
      facts: JSON.stringify(letters[at]),
    };
    const before = spans.findLast(({ since }) => comparePlaces(since, observed.place) <= 0);
    const after = spans.find(({ since }) => comparePlaces(since, observed.place) > 0);
    const { remove, put } = foldIn(observed, before, after);
    const kept = spans.filter(({ since }) =>
      !remove.some((place) => comparePlaces(place, since) === 0)
    );
    spans = [...kept, ...put].sort((a, b) => comparePlaces(a.since, b.since));
  }
  return spans;
}

function shown(spans: readonly Span[]): string {
  return spans.map(({ since, until, facts }) => `${JSON.parse(facts)}${since.at}-${until.at}`)
    .join(" ");
}

const HISTORIES: readonly (readonly [title: string, letters: string, order: number[], string])[] = [
  ["runs in their order", "aabba", [0, 1, 2, 3, 4], "a0-1 b2-3 a4-4"],
  ["one run twice", "ab", [0, 1, 1, 0], "a0-0 b1-1"],
  ["a late run that told the same", "aaa", [0, 2, 1], "a0-2"],
  ["a late run that told something else", "aba", [0, 2, 1], "a0-0 b1-1 a2-2"],
  ["a late run before all others", "aab", [1, 2, 0], "a0-1 b2-2"],
  ["a late run that belongs to what came after it", "abb", [0, 2, 1], "a0-0 b1-2"],
  ["a late run that cuts a span of several", "aabaa", [0, 1, 3, 4, 2], "a0-0 b2-2 a4-4"],
];
for (const [title, letters, order, expected] of HISTORIES) {
  test(`the history of ${title} holds each change once`, () => {
    assert.equal(shown(historyOf(letters, order)), expected);
  });
}

test("in whichever order runs come in, the newest facts are last and neighbours differ", () => {
  for (const letters of ["abab", "aabb", "abba", "aaab"]) {
    for (const order of permutations([0, 1, 2, 3])) {
      const spans = historyOf(letters, order);
      const last = spans.at(-1);
      assert.deepEqual([last?.until.at, last?.facts], [3, JSON.stringify(letters[3])]);
      for (const [index, span] of spans.entries()) {
        assert.notEqual(span.facts, spans[index + 1]?.facts, `${letters} ${order.join(",")}`);
        assert.ok(comparePlaces(span.since, span.until) <= 0);
      }
    }
  }
});

function permutations(items: readonly number[]): readonly (readonly number[])[] {
  if (items.length <= 1) return [items];
  return items.flatMap((item) =>
    permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest])
  );
}
