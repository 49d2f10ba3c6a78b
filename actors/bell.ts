/** Wakes one who waits, and remembers that it was rung while nobody did. */
export class Bell {
  #rung = false;
  #wake = () => {};

  ring(): void {
    this.#rung = true;
    this.#wake();
  }

  /** Ends when it is rung, or was since the last time, or after so many milliseconds, or with the signal. */
  async heard(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    if (!this.#rung && signal?.aborted !== true) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        const timer = setTimeout(wake, timeoutMs);
        this.#wake = wake;
        signal?.addEventListener("abort", wake, { once: true });
      });
    }
    this.#rung = false;
  }
}
