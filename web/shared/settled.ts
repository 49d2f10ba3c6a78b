import { useEffect, useState } from "preact/hooks";

/** A value as it was when it had not changed for so long: what is typed is asked for when somebody pauses. */
export function useSettled<T>(value: T, waitMs: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), waitMs);
    return () => clearTimeout(timer);
  }, [value, waitMs]);
  return settled;
}
