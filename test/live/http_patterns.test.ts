import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { test } from "node:test";
import { PatternMatcher } from "../../actors/http/pattern_matcher.ts";
import { Fault } from "../../wire/fault.ts";
import { leastStandstill } from "../harness/standstill.ts";

const encoder = new TextEncoder();

/** The letters a and b in an order without a pattern, always the same. */
function randomText(length: number): string {
  let state = 1;
  return Array.from({ length }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return (state >> 16) % 2 === 0 ? "a" : "b";
  }).join("");
}

test("a row matches when every pattern matches its subject", async () => {
  using matcher = new PatternMatcher();
  const patterns = ["^pc-1$", "err"].map((pattern) => ({ pattern, excerpt: false }));
  const found = await matcher.match(patterns, [
    [["pc-1"], ["an error"]],
    [["pc-10"], ["an error"]],
    [["pc-1"], ["all well"]],
  ]);
  assert.deepEqual(found, [[[""], [""]], null, null]);
});

test("of several subjects of a pattern one that matches is enough, and it is told which", async () => {
  using matcher = new PatternMatcher();
  const found = await matcher.match([{ pattern: "full", excerpt: true }], [
    [["ok", "disk full"]],
    [["full\n", "half full"]],
    [["ok", null]],
  ]);
  assert.deepEqual(found, [[[null, "disk full"]], [["full", "half full"]], null]);
});

test("a null column matches as the empty text", async () => {
  using matcher = new PatternMatcher();
  const found = await matcher.match([{ pattern: "^$", excerpt: false }], [[[null]], [["x"]]]);
  assert.deepEqual(found, [[[""]], null]);
});

test("stored output is searched whether it is packed or not, and the matching line is told", async () => {
  using matcher = new PatternMatcher();
  const bytes = encoder.encode("first\nthe disk is full\0really\nlast\n");
  const found = await matcher.match([{ pattern: "disk .* full", excerpt: true }], [
    [[{ bytes, encoding: "plain" }]],
    [[{ bytes: gzipSync(bytes), encoding: "gzip" }]],
  ]);
  assert.deepEqual(found, [[["the disk is full\0really"]], [["the disk is full\0really"]]]);
});

test("a pattern that takes seconds holds up nothing but its own search", async () => {
  using matcher = new PatternMatcher();
  const text = randomText(60_000);
  const search = matcher.match([{ pattern: "(a|b)*a(a|b){500}[^abc]", excerpt: false }], [[[
    text,
  ]]]);
  let longestMs = 0;
  const begunAt = performance.now();
  let last = begunAt;
  const ticker = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - last);
    last = performance.now();
  }, 5);
  assert.deepEqual(await search, [null]);
  clearInterval(ticker);
  // A search that blocked would show nearly the whole time; other tests that run meanwhile show a share of it.
  const wholeMs = performance.now() - begunAt;
  assert.ok(
    longestMs < wholeMs / 4,
    `the event loop stood still for ${longestMs} of ${wholeMs} ms`,
  );
});

test("a pattern that is given up takes no other search with it", async () => {
  using matcher = new PatternMatcher();
  const text = randomText(2_000_000);
  const hostile = matcher.match([{ pattern: "(a|b)*a(a|b){500}[^abc]", excerpt: false }], [[[
    text,
  ]]]);
  const other = matcher.match([{ pattern: "a", excerpt: false }], [[["a"]]]);
  await assert.rejects(hostile, (thrown: unknown) => {
    return thrown instanceof Fault && thrown.code === "invalid_input";
  });
  assert.deepEqual(await other, [[[""]]]);
});

test("once the server closes, searches that wait fail, and so do those that come", async () => {
  using matcher = new PatternMatcher();
  const match = () => matcher.match([{ pattern: "a", excerpt: false }], [[["a"]]]);
  const waiting = [match(), match()];
  matcher.close();
  for (const search of [...waiting, match()]) {
    await assert.rejects(search, (thrown: unknown) => thrown instanceof Fault && thrown.retryable);
  }
});

for (const pattern of ["(", "a{2,1}", "(?=a)", "\\1", "[z-a]"]) {
  test(`the pattern ${pattern} is refused with the member that holds it`, async () => {
    using matcher = new PatternMatcher();
    const asked = [["exec_id", "fine"], ["pc_id", pattern]] as const;
    const checked = matcher.check(
      asked.map(([member, text]) => [member, { pattern: text, excerpt: false }]),
    );
    await assert.rejects(checked, (thrown: unknown) => {
      assert.ok(thrown instanceof Fault);
      assert.equal(thrown.code, "invalid_input");
      assert.equal(thrown.details["path"], "pc_id");
      return true;
    });
  });
}

test("patterns that are slow to compile hold up nothing but their own search", async () => {
  using matcher = new PatternMatcher();
  const pattern = `(?i)[${"\\pL\\PL\\pN\\PN".repeat(60)}]`;
  let wholeMs = 0;
  const standstillMs = await leastStandstill(50, async () => {
    const begunAt = performance.now();
    await matcher.check(Array.from({ length: 6 }, () => ["stdout", { pattern, excerpt: false }]));
    wholeMs = performance.now() - begunAt;
  });
  assert.ok(standstillMs < Math.max(50, wholeMs / 4), `${standstillMs} of ${wholeMs} ms`);
});
