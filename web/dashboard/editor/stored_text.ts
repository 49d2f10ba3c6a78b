/** A text that one edits while others may store another one. */
import { useLayoutEffect, useState } from "preact/hooks";

export interface EditedText {
  /** As it is typed. */
  readonly now: string;
  /** What the editor is to show, told anew. */
  readonly shown: { readonly text: string };
  readonly isEdited: boolean;
  /** Whether somebody has stored another text since one began. */
  readonly isOld: boolean;
  readonly onText: (now: string) => void;
  /** This text was stored by oneself. */
  readonly onSaved: (text: string) => void;
  /** Gives up what was typed. */
  readonly showTheirs: () => void;
}

/** What nobody has edited follows what is stored; what somebody has typed stays. @param stored as it is known now */
export function useStoredText(stored: string): EditedText {
  const [now, onText] = useState(stored);
  const [shown, setShown] = useState({ text: stored });
  // What is stored is known a moment after one has stored it.
  const [heard, setHeard] = useState(stored);
  const [begun, setBegun] = useState(stored);
  const showTheirs = () => {
    setHeard(stored);
    setBegun(stored);
    setShown({ text: stored });
  };
  const isEdited = now !== begun;
  const isNews = stored !== heard;
  useLayoutEffect(() => {
    if (isNews && stored === begun) setHeard(stored);
    else if (isNews && (!isEdited || stored === now)) showTheirs();
  });
  return {
    now,
    shown,
    isEdited,
    isOld: isNews && isEdited && stored !== begun && stored !== now,
    onText,
    onSaved: (text) => {
      setBegun(text);
      setHeard(stored);
    },
    showTheirs,
  };
}
