/** The heads of arrows, by whose ids a line's `marker-end` names them; the class of the same name colours each. */
export function ArrowHeads({ ids, size, orient }: {
  readonly ids: readonly string[];
  /** Pixels. */
  readonly size: number;
  readonly orient: "auto" | "auto-start-reverse";
}) {
  return (
    <defs>
      {ids.map((id) => (
        <marker
          key={id}
          id={id}
          viewBox="0 0 10 10"
          refX="9"
          refY="5"
          markerWidth={size}
          markerHeight={size}
          orient={orient}
        >
          <path class={id} d="M0 0 10 5 0 10z" />
        </marker>
      ))}
    </defs>
  );
}
