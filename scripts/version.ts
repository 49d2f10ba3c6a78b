import { readFileSync } from "node:fs";
import * as v from "valibot";
import { decode } from "../wire/codec.ts";

const Package = v.object({ version: v.string() });

/** The version of this package. */
export function packageVersion(): string {
  const bytes = readFileSync(new URL("../package.json", import.meta.url));
  return decode(Package, "package.json", bytes).version;
}
