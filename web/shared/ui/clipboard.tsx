import { useState } from "preact/hooks";
import { Icon } from "./icons.tsx";
import { sayProblem } from "./toasts.tsx";

const SAID_MS = 1_500;

/** Copies a text, and says that it did. */
export function CopyButton({ label, text }: {
  readonly label: string;
  readonly text: string | (() => string);
}) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await write(typeof text === "string" ? text : text());
      setCopied(true);
      setTimeout(() => setCopied(false), SAID_MS);
    } catch (thrown) {
      sayProblem("Cannot copy", thrown);
    }
  };
  return (
    <button type="button" class="button quiet small" onClick={() => void copy()}>
      <Icon name="copy" />
      {copied ? "Copied" : label}
    </button>
  );
}

async function write(text: string): Promise<void> {
  if (isSecureContext) return await navigator.clipboard.writeText(text);
  // Over plain HTTP from another machine there is no such API: what is chosen in a field can be copied all the same.
  const before = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  if (before instanceof HTMLElement) before.focus();
  if (!isCopied) throw new Error("the browser does not allow it");
}

/** Has the browser save a text as a file. */
export function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has begun to read it by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
