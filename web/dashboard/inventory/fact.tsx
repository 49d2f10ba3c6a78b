/** What a machine told of itself, shown as its job says. */
import type { ComponentChildren } from "preact";
import { shownBytes, shownCount } from "../../shared/time.ts";
import { Time } from "../../shared/ui/time.tsx";

/** A field and how it is shown: a job's `display` hint. */
export interface FactField {
  readonly field: string;
  readonly label: string;
  readonly type?: string | null;
}

/** The fields of a hint; where there is none, the members of the facts themselves. */
export function fieldsOf(display: unknown, facts: unknown): readonly FactField[] {
  if (Array.isArray(display)) {
    return display.filter((each): each is FactField =>
      typeof each === "object" && each !== null && "field" in each && "label" in each
    );
  }
  const members = typeof facts === "object" && facts !== null && !Array.isArray(facts) ? facts : {};
  return Object.keys(members).map((field) => ({ field, label: field }));
}

/** A member of facts; `disk.free` is a member of a member. */
export function factAt(facts: unknown, field: string): unknown {
  return field.split(".").reduce<unknown>(
    (value, part) =>
      typeof value === "object" && value !== null ? Reflect.get(value, part) : undefined,
    facts,
  );
}

export function Fact({ value, type }: {
  readonly value: unknown;
  readonly type?: string | null | undefined;
}): ComponentChildren {
  if (value === undefined || value === null) return <span class="muted">unknown</span>;
  if (type === "bytes" && typeof value === "number") return shownBytes(value);
  if (type === "timestamp" && isInstant(value)) return <Time at={value} />;
  if (typeof value === "number") return type === "number" ? shownCount(value) : String(value);
  if (Array.isArray(value)) return `${value.length} ${value.length === 1 ? "entry" : "entries"}`;
  if (typeof value === "object") return <code class="small">{JSON.stringify(value)}</code>;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function isInstant(value: unknown): value is string {
  return typeof value === "string" && !Number.isNaN(Date.parse(value));
}
