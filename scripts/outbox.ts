/** What a person does with the outbox of an agent on its own machine, by `kanade agent outbox` or by the bundle. */
import { type OutboxContent, readOutbox, restoreStuck } from "../agent/stuck.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { readSettings } from "./settings.ts";

const USAGE = 'The agent takes no arguments, or "outbox list" or "outbox retry".\n';

/** Runs `outbox list` or `outbox retry`, for endpoints that have the bundle alone. @returns the exit code */
export async function runOutbox(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  try {
    const { dataDir } = readSettings(env).agent;
    const text = await textOf(words.join(" "), dataDir);
    (text === undefined ? process.stderr : process.stdout).write(text ?? USAGE);
    return text === undefined ? 2 : 0;
  } catch (thrown) {
    process.stderr.write(`${messageOf(thrown)}\n`);
    return thrown instanceof Fault && thrown.code === "bad_setting" ? 2 : 1;
  }
}

async function textOf(words: string, dataDir: string): Promise<string | undefined> {
  if (words === "outbox list") return contentText(await readOutbox(dataDir));
  if (words === "outbox retry") return retriedText({ restored: await restoreStuck(dataDir) });
  return undefined;
}

/** What is stuck, a line each, and how much waits. */
export function contentText({ waiting, stuck }: OutboxContent): string {
  const lines = stuck.map(({ kind, id }) => `stuck: ${kind} ${id}\n`).join("");
  return `${lines}${waiting} ${
    waiting === 1 ? "waits" : "wait"
  } to be sent, ${stuck.length} stuck\n`;
}

/** What became of what was stuck. */
export function retriedText({ restored }: { readonly restored: number }): string {
  if (restored === 0) return "nothing is stuck\n";
  const what = restored === 1 ? "1 waits" : `${restored} wait`;
  return `${what} to be sent again: within half a minute, or when the agent starts\n`;
}
