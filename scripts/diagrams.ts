/** `npm run diagrams`: draws the state diagrams of ARCHITECTURE.md from the machines. */
import { readFile, writeFile } from "node:fs/promises";
import { withDiagrams } from "./check/diagrams.ts";

const DOCUMENT = "ARCHITECTURE.md";

await writeFile(DOCUMENT, withDiagrams(await readFile(DOCUMENT, "utf8")));
