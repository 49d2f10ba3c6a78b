import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { programArgs } from "./program.ts";
import { within } from "./wait.ts";

/** Another process that holds a database file's write lock. */
export interface LockHolder extends AsyncDisposable {
  /** Ends when the lock is free again. */
  release(): Promise<void>;
}

/** Ends when the lock is held. */
export async function holdWriteLock(path: string): Promise<LockHolder> {
  const program = fileURLToPath(new URL("./database_peer.mjs", import.meta.url));
  const child: ChildProcess = spawn(process.execPath, programArgs(program, "hold", path), {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const gone = once(child, "exit");
  if (child.stdout === null) throw new TypeError("Cannot hear the lock's holder");
  await within("the lock to be held", Promise.race([once(child.stdout, "data"), gone]));
  const release = async () => {
    child.stdin?.end();
    await gone;
  };
  return { release, [Symbol.asyncDispose]: release };
}
