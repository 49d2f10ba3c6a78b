/** `npm run diagrams`: draws the state diagrams of the documents from the machines. */
import { readFile, writeFile } from "node:fs/promises";
import { DRAWN_DOCUMENTS, withDiagrams } from "./check/diagrams.ts";

for (const path of DRAWN_DOCUMENTS) {
  await writeFile(path, withDiagrams(await readFile(path, "utf8")));
}
