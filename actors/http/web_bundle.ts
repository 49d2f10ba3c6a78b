import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Log } from "../log.ts";
import { systemEnvironment } from "../system_environment.ts";

/** What the bundler's process answers. */
export type BundleReply =
  | {
    readonly files: readonly BundledFile[];
    readonly pages: Readonly<Record<string, PageParts>>;
  }
  | { readonly problem: string };

/** A file as it is served. Its name holds a hash of what is in it. */
export interface BundledFile {
  readonly name: string;
  readonly plain: Uint8Array<ArrayBuffer>;
  /** Absent where compressing gains nothing. */
  readonly br?: Uint8Array<ArrayBuffer>;
  readonly gzip?: Uint8Array<ArrayBuffer>;
}

/** Names of the files that a page begins with. */
export interface PageParts {
  readonly script: string;
  readonly style?: string | undefined;
  /** Scripts that the first one imports. */
  readonly preload: readonly string[];
  readonly fonts: readonly string[];
  readonly icon: string;
}

/** The pages, ready to be served. */
export interface Bundle {
  readonly files: ReadonlyMap<string, BundledFile>;
  readonly pages: ReadonlyMap<string, PageParts>;
}

/** The pages cannot be made of their sources; the message is the bundler's. */
export class BundleError extends Error {
  override readonly name = "BundleError";
}

/** Where the sources lie. */
const WEB = new URL("../../web/", import.meta.url);

/**
 * The pages, bundled in memory when they are first wanted, by a process of their own, which takes its memory with it.
 * What failed is tried again by the next who asks.
 */
export class WebBundle {
  readonly #log: Log;
  readonly #webDir: URL;
  #made: Promise<Bundle> | undefined;

  constructor(log: Log, webDir: URL = WEB) {
    this.#log = log;
    this.#webDir = webDir;
  }

  /** @throws {BundleError} */
  get(): Promise<Bundle> {
    return this.#made ??= this.#make();
  }

  /** Begins before anybody asks. A failure is in the log, and told to whoever asks. */
  warm(): void {
    this.get().catch(() => undefined);
  }

  async #make(): Promise<Bundle> {
    const startedAt = performance.now();
    try {
      const bundle = await bundleOf(this.#webDir);
      const tookMs = Math.round(performance.now() - startedAt);
      this.#log.debug("pages bundled", { files: bundle.files.size, tookMs });
      return bundle;
    } catch (thrown) {
      this.#made = undefined;
      this.#log.error("pages not bundled", { error: thrown });
      throw thrown;
    }
  }
}

async function bundleOf(webDir: URL): Promise<Bundle> {
  const reply = await replyOf(webDir);
  if ("problem" in reply) throw new BundleError(reply.problem);
  return {
    files: new Map(reply.files.map((file) => [file.name, file])),
    pages: new Map(Object.entries(reply.pages)),
  };
}

function replyOf(webDir: URL): Promise<BundleReply> {
  return new Promise((resolve, reject) => {
    const child = fork(
      fileURLToPath(new URL("./bundle_child.mjs", import.meta.url)),
      [fileURLToPath(webDir)],
      {
        execArgv: [],
        serialization: "advanced",
        stdio: ["ignore", "ignore", "inherit", "ipc"],
        env: systemEnvironment(),
      },
    );
    child.once("message", (reply) => resolve(reply as BundleReply));
    child.once("error", (error) => reject(new BundleError(error.message, { cause: error })));
    child.once(
      "exit",
      (code, signal) => reject(new BundleError(`the bundler ended with ${code ?? signal}`)),
    );
  });
}
