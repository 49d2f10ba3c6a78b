/** What became of a dead letter that was given to its projector again. */
export type ReplayOutcome =
  | { readonly kind: "projected" }
  /** It is still dead, for this reason. */
  | { readonly kind: "refused"; readonly error: string }
  | { readonly kind: "unknown" };
