import type { ComponentChildren } from "preact";
import { Icon } from "../../shared/ui/icons.tsx";
import { Segments } from "../../shared/ui/segments.tsx";
import { useGroups } from "../groups.ts";
import { type DraftWave, firstWaves, type RolloutDraft, waveOf, type WavesBy } from "./draft.ts";

const KINDS = [["shares", "Growing shares"], ["groups", "Groups"]] as const;
const GROUPS_LIST = "wave-groups";

interface EditorProps {
  readonly draft: RolloutDraft;
  readonly onDraft: (change: Partial<RolloutDraft>) => void;
}

/** The waves, one after the other. */
export function WavesEditor({ draft: { by, waves }, onDraft }: EditorProps) {
  const groups = useGroups().data ?? [];
  const change = (index: number, part: Partial<DraftWave>) =>
    onDraft({ waves: waves.map((wave, at) => (at === index ? { ...wave, ...part } : wave)) });
  return (
    <div class="field">
      <span class="label">Waves</span>
      <Segments
        label="Waves of"
        options={KINDS}
        chosen={by}
        onChoose={(kind) => onDraft({ by: kind, waves: firstWaves(kind) })}
      />
      <ol class="wave-rows">
        {waves.map((wave, index) => (
          <WaveRow
            key={index}
            number={index + 1}
            by={by}
            wave={wave}
            onChange={(part) => change(index, part)}
            onRemove={waves.length === 1
              ? undefined
              : () => onDraft({ waves: waves.filter((_, at) => at !== index) })}
          />
        ))}
      </ol>
      <datalist id={GROUPS_LIST}>
        {groups.map(({ group }) => <option key={group} value={group} />)}
      </datalist>
      <div>
        <button
          type="button"
          class="button small"
          onClick={() => onDraft({ waves: [...waves, waveOf(by, waves.length)] })}
        >
          <Icon name="plus" />
          One more wave
        </button>
      </div>
    </div>
  );
}

interface RowProps {
  readonly number: number;
  readonly by: WavesBy;
  readonly wave: DraftWave;
  readonly onChange: (part: Partial<DraftWave>) => void;
  /** Undefined: it is the only one. */
  readonly onRemove: (() => void) | undefined;
}

function WaveRow({ number, by, wave, onChange, onRemove }: RowProps) {
  const input = (member: keyof DraftWave, label: string, rest: object = {}) => (
    <input
      class="input"
      aria-label={`${label} of wave ${number}`}
      value={wave[member]}
      onInput={({ currentTarget }) => onChange({ [member]: currentTarget.value })}
      {...rest}
    />
  );
  return (
    <li class="row">
      {by === "shares"
        ? <Unit unit="% of the PCs">{input("percent", "Percent", { inputMode: "decimal" })}</Unit>
        : input("group", "Group", { list: GROUPS_LIST, placeholder: "Group" })}
      <Unit unit="after the start">
        {input("delay", "Delay", { placeholder: by === "shares" ? "0s" : "1h" })}
      </Unit>
      {onRemove !== undefined && (
        <button
          type="button"
          class="button quiet small"
          aria-label={`Without wave ${number}`}
          onClick={onRemove}
        >
          <Icon name="close" />
        </button>
      )}
    </li>
  );
}

function Unit({ unit, children }: {
  readonly unit: string;
  readonly children: ComponentChildren;
}) {
  return (
    <span class="unit">
      {children}
      <span class="muted small nowrap">{unit}</span>
    </span>
  );
}
