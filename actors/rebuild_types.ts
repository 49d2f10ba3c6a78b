/** What a rebuild did. */
export interface RebuildReport {
  /** Messages that were read, by stream. */
  readonly audit: number;
  readonly events: number;
  readonly results: number;
  /** What only the old rows knew. */
  readonly copied_executions: number;
  readonly copied_runs: number;
  readonly duration_ms: number;
}
