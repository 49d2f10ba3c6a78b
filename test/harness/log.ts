import { createLog, type Log } from "../../actors/log.ts";

/** A log that keeps its lines for the test to look at; `KANADE_TEST_LOG=1` shows them too. */
export function testLog(): { readonly log: Log; readonly lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const write = (line: string) => {
    lines.push(JSON.parse(line) as Record<string, unknown>);
    if (process.env["KANADE_TEST_LOG"] !== undefined) process.stderr.write(line);
  };
  return { lines, log: createLog({ level: "debug", pretty: false, write }) };
}
