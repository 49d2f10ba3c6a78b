import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { Fault } from "../../wire/fault.ts";
import { parseYaml } from "../../wire/yaml.ts";

const NINE = "x,x,x,x,x,x,x,x,x";
const ALIASES_THAT_MULTIPLY = [
  `a: &a [${NINE}]`,
  `b: &b [${NINE.replaceAll("x", "*a")}]`,
  `c: &c [${NINE.replaceAll("x", "*b")}]`,
  `d: &d [${NINE.replaceAll("x", "*c")}]`,
].join("\n");

const READ: readonly (readonly [string, string, unknown])[] = [
  ["a time of day as text", "at: 09:00", { at: "09:00" }],
  ["yes as text", "a: yes", { a: "yes" }],
  ["yes as text even where the text asks for YAML 1.1", "%YAML 1.1\n---\na: yes", { a: "yes" }],
  ["number keys as text", "1: 2", { "1": 2 }],
  ["JSON", '{"a": [1, null, true]}', { a: [1, null, true] }],
  ["a script with brackets that never close", "a: |\n  [[[{{{\n", { a: "[[[{{{\n" }],
  ["a few aliases", "a: &a [1]\nb: *a", { a: [1], b: [1] }],
  ["an empty text as null", "", null],
];

for (const [what, text, expected] of READ) {
  test(`YAML reads ${what}`, () => assert.deepEqual(parseYaml("manifest", text), expected));
}

const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  [
    "a custom tag",
    "a: !ruby/object {}",
    /line 1, column 4: unresolved tag.*tags are not supported/,
  ],
  ["a binary tag", "a: !!binary aGk=", /tags are not supported/],
  ["a merge key", "a:\n  <<: {b: 1}", /line 2, column 3: merge keys/],
  ["a duplicate key", "a: 1\nb: 2\na: 3", /line 3, column 1: the key "a" stands there twice/],
  ["a __proto__ key", "b: 1\n__proto__: {x: 1}", /line 2, column 1: the key "__proto__" is not/],
  ["a quoted __proto__ key", '{"__proto__": 1}', /line 1, column 2: the key "__proto__"/],
  ["a second document", "a: 1\n---\nb: 2", /line 2, column 1: it holds more than one document/],
  ["an alias of nothing", "a: *nope", /no &nope stands before it/],
  ["an alias inside itself", "a: &x {y: *x}", /\*x stands inside itself/],
  ["aliases that multiply", ALIASES_THAT_MULTIPLY, /alias/],
  ["very many aliases", `a: &a 1\nb: [${"*a,".repeat(1_000)}]`, /more than 100 aliases/],
  ["a number that is none", "a: .nan", /JSON cannot hold NaN/],
  ["an integer that would lose digits", "a: 12345678901234567890", /too large to be exact/],
  ["keys that are collections", "? [1]\n: 2", /all keys must be strings/],
  ["tabs as indentation", "a:\n\tb: 1", /line 2, column 1/],
  ["an open bracket", "a: 1\nb: [1", /line 2, column 6/],
  ["deep sequences", "- ".repeat(100) + "x", /line 1, column 129: it nests deeper than 64/],
  ["deep mappings", "{a: ".repeat(10_000), /nests deeper than 64/],
  ["a million open brackets", "[".repeat(1_000_000), /more than 100000 parts/],
];

for (const [what, text, message] of REFUSED) {
  test(`YAML with ${what} is refused`, () => {
    assert.throws(() => parseYaml("manifest", text), (thrown) => {
      assert.ok(thrown instanceof Fault);
      assert.equal(thrown.code, "invalid_input");
      assert.match(thrown.message, /^Cannot read the manifest/);
      assert.match(thrown.message, message);
      return true;
    });
  });
}

test("a YAML text above the limit is refused by its bytes, not its characters", () => {
  const text = `a: "${"é".repeat(600_000)}"`;
  assert.throws(() => parseYaml("manifest", text), { code: "too_large" });
});

test("every JSON value survives being written as YAML and read back", () => {
  const name = fc.string().filter((key) => key !== "__proto__" && key !== "<<");
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.integer(),
      fc.array(tie("value"), { maxLength: 5 }),
      fc.dictionary(name, tie("value"), { maxKeys: 5, noNullPrototype: true }),
    ),
  }));
  fc.assert(fc.property(value, (json) => {
    const text = stringify(json, { aliasDuplicateObjects: false });
    assert.deepEqual(parseYaml("value", text), json);
  }));
});

test("reading any text gives a value or a fault, never another error", () => {
  const piece = fc.constantFrom(
    "- ",
    "a: ",
    "&x ",
    "*x",
    "[",
    "]",
    "{",
    "}",
    "\n",
    " ",
    "?",
    "|\n",
    '"',
    "!t ",
    "#",
    "%",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      try {
        JSON.stringify(parseYaml("text", pieces.join("")));
      } catch (thrown) {
        assert.ok(thrown instanceof Fault, String(thrown));
      }
    }),
    { numRuns: 2_000 },
  );
});
