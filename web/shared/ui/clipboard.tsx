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
      await navigator.clipboard.writeText(typeof text === "string" ? text : text());
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
