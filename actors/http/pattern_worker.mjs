// @ts-check
/**
 * The thread that tries patterns. RE2 is linear in the text, but a pattern of a few hundred states still takes 13 s for
 * 1 MiB (seen with re2js 2.10), so no pattern of a caller is ever tried on the event loop. Plain JavaScript, because a
 * thread that loads tsx first starts much slower.
 */
import { parentPort } from "node:worker_threads";
import { gunzipSync } from "node:zlib";
import { RE2JS } from "re2js";

/** @import { MatchReply, MatchRequest, Subject, SubjectRow } from "./pattern_matcher.ts" */

/** Characters of the text around a match that are shown. */
const EXCERPT = 200;
/** What is told of a match that nobody looks at. */
const FOUND = "";

const port = /** @type {import("node:worker_threads").MessagePort} */ (parentPort);

port.on("message", (/** @type {MatchRequest} */ request) => port.postMessage(answer(request)));

/** @param {MatchRequest} request @returns {MatchReply} */
function answer({ id, patterns, rows }) {
  try {
    /** @type {RE2JS[]} */
    const compiled = [];
    for (const [index, { pattern }] of patterns.entries()) {
      const one = compile(pattern);
      if (typeof one === "string") return { id, refused: { index, why: one } };
      compiled.push(one);
    }
    return { id, found: rows.map((row) => tryRow(row)) };

    /** @param {SubjectRow} row */
    function tryRow(row) {
      const excerpts = [];
      for (const [index, pattern] of compiled.entries()) {
        const wantsExcerpt = patterns[index]?.excerpt === true;
        const found = (row[index] ?? []).map((subject) =>
          tryText(pattern, textOf(subject), wantsExcerpt)
        );
        if (found.every((excerpt) => excerpt === null)) return null;
        excerpts.push(found);
      }
      return excerpts;
    }
  } catch (thrown) {
    return { id, error: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}

/** The pattern, or why it is none. @param {string} pattern */
function compile(pattern) {
  try {
    return RE2JS.compile(pattern);
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

/** @param {RE2JS} pattern @param {string} text @param {boolean} wantsExcerpt */
function tryText(pattern, text, wantsExcerpt) {
  if (!pattern.test(text)) return null;
  return wantsExcerpt ? excerptOf(pattern, text) : FOUND;
}

/** A null column matches as the empty string. @param {Subject} subject */
function textOf(subject) {
  if (subject === null) return "";
  if (typeof subject === "string") return subject;
  const bytes = subject.encoding === "gzip" ? gunzipSync(subject.bytes) : subject.bytes;
  return new TextDecoder().decode(bytes);
}

/** The line of the first match, cut to what can be shown. @param {RE2JS} pattern @param {string} text */
function excerptOf(pattern, text) {
  const match = pattern.matcher(text);
  const at = match.find() ? match.start() : 0;
  const lineAt = text.lastIndexOf("\n", at - 1) + 1;
  const lineEnd = text.indexOf("\n", at);
  const from = Math.max(lineAt, at - EXCERPT / 2);
  return text.slice(from, Math.min(lineEnd < 0 ? text.length : lineEnd, from + EXCERPT));
}
