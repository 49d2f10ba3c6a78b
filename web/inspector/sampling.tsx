/** Whether what is shown is live, and whether it is all. */
export function Sampling({ isLive, leftOut }: {
  readonly isLive: boolean;
  readonly leftOut: number;
}) {
  return (
    <p class="sampling small" role="status">
      <span class="live" data-state={isLive ? "live" : "connecting"}>
        {isLive ? "watching" : "not watching; it comes back by itself"}
      </span>
      {leftOut > 0 && (
        <span class="badge" data-tone="warning">
          sampled: {leftOut.toLocaleString("en")} events left out
        </span>
      )}
    </p>
  );
}
