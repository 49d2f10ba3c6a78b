import type { JSX } from "preact";

export interface ButtonProps extends Omit<JSX.IntrinsicElements["button"], "disabled"> {
  /** It does nothing for now: it is at work, or there is nothing to do. */
  readonly off?: boolean;
}

/** A button that keeps the focus while it is off: one that is `disabled` loses it, and whoever uses keys is nowhere. */
export function Button({ off = false, onClick, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      aria-disabled={off ? "true" : undefined}
      onClick={off ? refuse : onClick}
    />
  );
}

/** Also of the form that Enter in one of its fields would send. */
function refuse(event: Event): void {
  event.preventDefault();
}
