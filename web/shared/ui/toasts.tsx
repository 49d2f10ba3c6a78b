/** Short words about what was just done, which go away by themselves; problems stay until they are closed. */
import { signal } from "@preact/signals";
import { wordsOf } from "../api.ts";
import { Icon } from "./icons.tsx";

const SHOWN_MS = 6_000;

interface Toast {
  readonly id: number;
  readonly kind: "done" | "problem";
  readonly text: string;
}

const toasts = signal<readonly Toast[]>([]);
let lastId = 0;

export function sayDone(text: string): void {
  const { id } = add("done", text);
  setTimeout(() => close(id), SHOWN_MS);
}

export function sayProblem(what: string, thrown: unknown): void {
  add("problem", `${what}: ${wordsOf(thrown)}`);
}

function add(kind: Toast["kind"], text: string): Toast {
  lastId += 1;
  const toast = { id: lastId, kind, text };
  toasts.value = [...toasts.value, toast].slice(-5);
  return toast;
}

function close(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, kind, text }) => (
        <div key={id} class="toast" data-kind={kind}>
          <p>{text}</p>
          <button
            type="button"
            class="button quiet small"
            aria-label="Close"
            onClick={() => close(id)}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
