import type { ComponentChildren } from "preact";

/** Buttons of which one is pressed: what is chosen among a few. */
export function Segments<T extends string | undefined>({ label, options, chosen, onChoose }: {
  /** What is chosen, for who hears the page. */
  readonly label: string;
  readonly options: readonly (readonly [value: T, words: ComponentChildren])[];
  /** Where an address says something else, none is pressed. */
  readonly chosen: string | undefined;
  readonly onChoose: (value: T) => void;
}) {
  return (
    <div class="segments" role="group" aria-label={label}>
      {options.map(([value, words]) => (
        <button
          key={value ?? ""}
          type="button"
          aria-pressed={value === chosen}
          onClick={() => onChoose(value)}
        >
          {words}
        </button>
      ))}
    </div>
  );
}
