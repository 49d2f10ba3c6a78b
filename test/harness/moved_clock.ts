import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { closeSync, openSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The clock of processes that are started by it: it goes as the real one does, and all see at once that it is moved. */
export interface MovedClock extends AsyncDisposable {
  /** Of `test/programs/moved_backend.ts`. */
  readonly settings: Readonly<Record<string, string>>;
  /** So much further ahead from now on. */
  move(byMs: number): void;
}

export async function startMovedClock(): Promise<MovedClock> {
  const folder = await mkdtemp(join(tmpdir(), "kanade-clock-"));
  const path = join(folder, "ahead");
  const ahead = new Float64Array(1);
  await writeFile(path, ahead);
  const file = openSync(path, "r+");
  return {
    settings: { KANADE_TEST_CLOCK: path },
    move(byMs) {
      ahead[0] = (ahead[0] ?? 0) + byMs;
      writeSync(file, ahead, 0, ahead.byteLength, 0);
    },
    async [Symbol.asyncDispose]() {
      closeSync(file);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
