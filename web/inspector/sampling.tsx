/** Whether what is shown is live, and whether it is all. */
export function Sampling({ isLive, hasGap = false, leftOut, everyMs }: {
  readonly isLive: boolean;
  /** Of what is shown as it comes: some of it came while nobody listened. */
  readonly hasGap?: boolean;
  readonly leftOut: number;
  /** How often what is shown is asked for, milliseconds; undefined = it is told by itself. */
  readonly everyMs?: number | undefined;
}) {
  return (
    <p class="sampling small" role="status">
      <span class="live" data-state={isLive ? "live" : "connecting"}>
        {isLive ? "watching" : "not watching; it comes back by itself"}
      </span>
      {everyMs !== undefined && (
        <span class="badge">
          sampled: asked every {(everyMs / 1_000).toLocaleString("en")} s
        </span>
      )}
      {hasGap && (
        <span class="badge" data-tone="warning">
          what happened while it was not watching is not shown
        </span>
      )}
      {leftOut > 0 && (
        <span class="badge" data-tone="warning">
          sampled: {leftOut.toLocaleString("en")} events left out
        </span>
      )}
    </p>
  );
}
