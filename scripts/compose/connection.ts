import type { Connection } from "../../actors/backend.ts";
import type { Bus } from "../../actors/bus.ts";

/** The broker connection, as actors wait for it. */
export function connectionOf(bus: Bus): Connection {
  const becomes = (wanted: boolean, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error);
      if (bus.connected === wanted) return resolve();
      const stop = bus.onStatus((connected) => {
        if (connected !== wanted) return;
        end();
        resolve();
      });
      const onAbort = () => {
        end();
        reject(signal.reason as Error);
      };
      const end = () => {
        stop();
        signal.removeEventListener("abort", onAbort);
      };
      signal.addEventListener("abort", onAbort, { once: true });
    });
  return {
    connected: (signal) => becomes(true, signal),
    lost: (signal) => becomes(false, signal),
  };
}
