/**
 * `npm run backend` by a clock that a test moves: it is ahead of this machine's by as many milliseconds as stand, as a
 * number of 8 bytes, in the file that `KANADE_TEST_CLOCK` names.
 */
import { openSync, readSync } from "node:fs";
import process from "node:process";

const file = openSync(process.env["KANADE_TEST_CLOCK"] ?? "", "r");
const ahead = new Float64Array(1);
const now = Date.now.bind(Date);
Date.now = () => {
  readSync(file, ahead, 0, ahead.byteLength, 0);
  return now() + (ahead[0] ?? 0);
};
await import("../../scripts/backend.ts");
