import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ByteWindow } from "../../actors/http/live/byte_window.ts";
import { wholeLength, withoutLossyEnd } from "../../actors/http/live/utf8_end.ts";

const decode = (bytes: Uint8Array) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

/** Characters of every length, beginnings of them, and what is none. */
const BYTES = fc.array(
  fc.oneof(
    fc.constantFrom([0x41], [0xc3, 0xa9], [0xe2, 0x82, 0xac], [0xf0, 0x9f, 0x98, 0x80]),
    fc.constantFrom([0xf0, 0x9f], [0xe2], [0xed, 0xa0], [0xf4, 0x90], [0x80], [0xff], [0xe0, 0x80]),
    fc.tuple(fc.integer({ min: 0, max: 255 })),
  ),
  { maxLength: 30 },
).map((parts) => Uint8Array.from(parts.flat()));

describe("bytes that come in pieces", () => {
  test("are the same text however they were cut, if each piece ends before a begun character", () => {
    fc.assert(fc.property(BYTES, fc.array(fc.integer({ min: 1, max: 9 })), (bytes, sizes) => {
      let [text, from, to] = ["", 0, 0];
      for (const size of sizes) {
        to = Math.min(bytes.length, to + size);
        const length = wholeLength(bytes.subarray(from, to));
        text += decode(bytes.subarray(from, from + length));
        from += length;
      }
      assert.equal(text + decode(bytes.subarray(from)), decode(bytes));
    }));
  });

  test("hold back no more than a begun character", () => {
    fc.assert(fc.property(BYTES, (bytes) => assert.ok(bytes.length - wholeLength(bytes) <= 3)));
  });
});

describe("a window", () => {
  const all = Uint8Array.from({ length: 600_000 }, (_, at) => at * 7 % 251);
  const equal = (a: Uint8Array, b: Uint8Array) => a.every((byte, at) => byte === b[at]);

  test("takes what is new of pieces that overlap, and refuses what would leave a hole", () => {
    const piece = fc.tuple(
      fc.integer({ min: 0, max: 599_999 }),
      fc.integer({ min: 1, max: 200_000 }),
    );
    fc.assert(fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const window = new ByteWindow();
      for (const [offset, length] of pieces) {
        const end = window.end;
        const bytes = all.subarray(offset, offset + length);
        assert.equal(window.take(offset, bytes), offset <= end);
        assert.equal(window.end, offset <= end ? Math.max(end, offset + bytes.length) : end);
        const kept = window.from(0, all.length);
        assert.equal(kept.offset + kept.bytes.length, window.end);
        assert.equal(kept.bytes.length, Math.min(window.end, kept.bytes.length));
        assert.ok(equal(kept.bytes, all.subarray(kept.offset)));
      }
    }));
  });

  test("keeps its last 262144 bytes and goes on after what was skipped", () => {
    const window = new ByteWindow();
    window.take(0, all);
    assert.equal(window.from(0, all.length).offset, all.length - 262_144);
    window.skipTo(all.length + 10);
    assert.deepEqual(window.from(0, 10), { offset: all.length + 10, bytes: new Uint8Array(0) });
    assert.equal(window.take(all.length + 10, Uint8Array.of(1, 2)), true);
    assert.deepEqual(window.from(all.length + 11, 10).bytes, Uint8Array.of(2));
  });
});

test("what was no text is cut off a text's end, and it takes no time to see that it stands elsewhere", () => {
  assert.equal(withoutLossyEnd("a\uFFFDb\uFFFD\uFFFD"), "a\uFFFDb");
  assert.equal(withoutLossyEnd("\uFFFD"), "");
  const long = `${"\uFFFD".repeat(350_000)}x`;
  const startedAt = performance.now();
  assert.equal(withoutLossyEnd(long), long);
  // With a pattern it was minutes.
  assert.ok(performance.now() - startedAt < 5_000);
});
