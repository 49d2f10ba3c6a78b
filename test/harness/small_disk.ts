import { execFile } from "node:child_process";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const BLOCK = Buffer.alloc(65_536);

/** A disk of 4 MiB that can be filled to its last byte. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  fill(): Promise<void>;
  /** Gives the room back. */
  free(): Promise<void>;
}

/** Undefined where nothing can be mounted. @param path made here */
export async function smallDisk(path: string): Promise<SmallDisk | undefined> {
  await mkdir(path);
  try {
    await run("mount", ["-t", "tmpfs", "-o", "size=4m", "tmpfs", path]);
  } catch {
    // Not root, not Linux, or in a container that may not.
    return undefined;
  }
  const filler = join(path, "filler");
  return {
    path,
    fill: () => fill(filler),
    free: () => rm(filler),
    async [Symbol.asyncDispose]() {
      await run("umount", ["--lazy", path]);
    },
  };
}

async function fill(path: string): Promise<void> {
  const file = await open(path, "w");
  try {
    for (;;) await file.writeFile(BLOCK);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ENOSPC") throw thrown;
  } finally {
    await file.close();
  }
}
