/** Something that others wait for, and that may have to be done again. */
export class Latch {
  #open = false;
  readonly #waiting = new Set<(open: boolean) => void>();

  open(): void {
    this.#set(true);
  }

  /** It may not be so any more: whoever opened it looks again. */
  close(): void {
    this.#set(false);
  }

  /** Ends as soon as it is open. @throws the signal's reason */
  opened(signal: AbortSignal): Promise<void> {
    return this.#becomes(true, signal);
  }

  /** Ends as soon as it is closed. @throws the signal's reason */
  closed(signal: AbortSignal): Promise<void> {
    return this.#becomes(false, signal);
  }

  #set(open: boolean): void {
    this.#open = open;
    for (const changed of [...this.#waiting]) changed(open);
  }

  async #becomes(wanted: boolean, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#open === wanted) return;
    await new Promise<void>((resolve, reject) => {
      const end = () => {
        this.#waiting.delete(onChange);
        signal.removeEventListener("abort", onAbort);
      };
      const onAbort = () => {
        end();
        reject(signal.reason as Error);
      };
      const onChange = (open: boolean) => {
        if (open !== wanted) return;
        end();
        resolve();
      };
      this.#waiting.add(onChange);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }
}
