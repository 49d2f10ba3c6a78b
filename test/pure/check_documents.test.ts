/** A document that says what is not so, on purpose. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { problemsOf } from "../../scripts/check/documents.ts";
import { hygieneProblems } from "../../scripts/check/hygiene.ts";
import { FAULT_CODES } from "../../wire/fault.ts";

const FACTS = {
  exists: (path: string) => path.endsWith("/") || path === "wire/fault.ts",
  commands: ["check"],
  settings: ["KANADE_BIND"],
};
const README = "| `KANADE_BIND` | `127.0.0.1:8080` | the address |\n";
const ROOMS = ["wire", "machines", "db", "actors", "agent", "web", "scripts", "test"]
  .map((room) => `| \`${room}/\` | what |\n`)
  .join("");
const CODES = FAULT_CODES.map((code) => `| \`${code}\` | what |\n`).join("");
const ARCHITECTURE = `# A\n${ROOMS}\n## Fault codes\n${CODES}\n## More\n`;

const problems = (path: string, text: string) => problemsOf({ path, text }, FACTS);

test("documents that are true have no problem", () => {
  assert.deepEqual(problems("README.md", README), []);
  assert.deepEqual(problems("ARCHITECTURE.md", ARCHITECTURE), []);
});

const FALSE: readonly (readonly [string, string, string, string])[] = [
  [
    "a path that is gone",
    "README.md",
    `${README}see \`wire/gone.ts\``,
    "names wire/gone.ts, which does not exist",
  ],
  [
    "a file that is gone",
    "README.md",
    `${README}see \`GONE.md\``,
    "names GONE.md, which does not exist",
  ],
  ["an unknown command", "README.md", `${README}npm run checks`, "names npm run checks"],
  ["a setting without a row", "README.md", "", "lacks the setting KANADE_BIND"],
  [
    "a setting that is not read",
    "README.md",
    `${README}| \`KANADE_BIN\` | | |\n`,
    "has a setting KANADE_BIN that is not there",
  ],
  [
    "a setting that nothing reads, given a value",
    "docs/encryption.md",
    "KANADE_BIND=:80\nKANADE_BIN=:80\n",
    "sets KANADE_BIN, which nothing reads",
  ],
  [
    "a room without a row",
    "ARCHITECTURE.md",
    ARCHITECTURE.replace("| `web/` | what |\n", ""),
    "lacks the room web",
  ],
  [
    "a fault code without a row",
    "ARCHITECTURE.md",
    ARCHITECTURE.replace("| `conflict` | what |\n", ""),
    "lacks the fault code conflict",
  ],
  [
    "a fault code that is not there",
    "ARCHITECTURE.md",
    ARCHITECTURE.replace("`conflict`", "`conflicts`"),
    "has a fault code conflicts that is not there",
  ],
  [
    "a diagram that was edited",
    "ARCHITECTURE.md",
    `${ARCHITECTURE}<!-- diagram: reaper -->\nx\n<!-- end of diagram -->`,
    "its diagrams are not those of the machines; npm run diagrams draws them",
  ],
  ["too many lines", "ARCHITECTURE.md", ARCHITECTURE + "\n".repeat(200), "and 200 are allowed"],
];

for (const [what, path, text, expected] of FALSE) {
  test(`a document with ${what} is found out`, () => {
    const found = problems(path, text);
    assert.ok(found.some((problem) => problem.includes(expected)), JSON.stringify(found));
  });
}

test("hosts of registries, places of one machine and download addresses are found", () => {
  const slash = "/";
  const text = [
    `https:${slash}${slash}${["registry", "npmjs", "org"].join(".")}${slash}x`,
    `see ${slash}${["home", "me"].join(slash)}${slash}x`,
    "a path such as agent/work/x.ts is fine",
  ].join("\n");
  assert.deepEqual(hygieneProblems([{ path: "a.md", text }]), [
    "a.md:1: names the host of a package registry",
    "a.md:2: names a place of one person's machine",
  ]);
  assert.deepEqual(hygieneProblems([{ path: "package-lock.json", text: '"resolved": "x"' }]), [
    "package-lock.json:1: has a download address",
  ]);
});
