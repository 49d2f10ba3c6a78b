/** Facts of the inventory as people read them, by the hints of their job. */
import type { DisplayField } from "../../wire/manifest.ts";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** A member of the facts; a dot leads into it. */
export function memberOf(facts: unknown, field: string): unknown {
  if (typeof facts !== "object" || facts === null) return undefined;
  if (Object.hasOwn(facts, field)) return Reflect.get(facts, field);
  return field.split(".").reduce<unknown>(
    (value, name) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, name)
        ? Reflect.get(value, name)
        : undefined,
    facts,
  );
}

/** A value in the way that its hint asks for; null = there is none. */
export function factText(value: unknown, type: DisplayField["type"]): string | null {
  if (value === undefined || value === null) return null;
  if (type === "table" && Array.isArray(value)) return `${value.length} rows`;
  if (typeof value !== "number") return typeof value === "string" ? value : JSON.stringify(value);
  if (type === "bytes") return bytesText(value);
  if (type === "timestamp") return instantText(value);
  return String(value);
}

function bytesText(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10);
  const unit = Math.min(power, UNITS.length - 1);
  const amount = bytes / 1024 ** unit;
  return `${unit === 0 ? amount : amount.toFixed(1)} ${UNITS[unit]}`;
}

/** Seconds since the epoch, or milliseconds where that would be beyond the year 5000. */
function instantText(instant: number): string {
  const date = new Date(Math.abs(instant) < 1e11 ? instant * 1_000 : instant);
  return Number.isNaN(date.getTime()) ? String(instant) : date.toISOString();
}
