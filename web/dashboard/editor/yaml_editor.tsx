/** An editor for YAML that marks what is wrong at its line. It is a part of its own, fetched when somebody edits. */
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import {
  bracketMatching,
  HighlightStyle,
  indentUnit,
  syntaxHighlighting,
} from "@codemirror/language";
import { type Diagnostic, linter, lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
} from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "preact/hooks";
import { type Kind, problemsOf, type TextProblem } from "./manifest_problems.ts";

export interface YamlEditorProps {
  readonly label: string;
  /** Of the first moment; from then on the editor has its own, until it is told another one. */
  readonly shown: { readonly text: string };
  readonly readOnly: boolean;
  readonly kind: Kind;
  /** What the server said of the text as it is. */
  readonly refused: readonly TextProblem[];
  readonly onText: (text: string) => void;
  /** Told of everything that is wrong, a moment after each change. */
  readonly onProblems: (problems: readonly TextProblem[]) => void;
}

/** Nothing is checked while one types, milliseconds. */
const CHECK_AFTER_MS = 250;

export function YamlEditor(props: YamlEditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | undefined>(undefined);
  useEffect(() => {
    if (host.current === null) return;
    // In a shadow tree the editor's styles come as constructed sheets, which the page's policy allows.
    const root = host.current.attachShadow({ mode: "open" });
    view.current = new EditorView({ parent: root, root, state: stateOf(props) });
    return () => view.current?.destroy();
  }, []);
  useEffect(() => {
    const editor = view.current;
    const { text } = props.shown;
    if (editor === undefined || editor.state.doc.toString() === text) return;
    editor.dispatch({ changes: { from: 0, to: editor.state.doc.length, insert: text } });
  }, [props.shown]);
  useEffect(() => {
    const editor = view.current;
    if (editor === undefined) return;
    editor.dispatch(setDiagnostics(editor.state, props.refused.map(diagnosticOf)));
  }, [props.refused]);
  return <div ref={host} class="yaml-editor" />;
}

function stateOf(
  { shown, readOnly, label, kind, onText, onProblems }: YamlEditorProps,
): EditorState {
  return EditorState.create({
    doc: shown.text,
    extensions: [
      lineNumbers(),
      lintGutter(),
      history(),
      drawSelection(),
      bracketMatching(),
      highlightActiveLine(),
      indentUnit.of("  "),
      yaml(),
      syntaxHighlighting(COLORS),
      REPLACING,
      keymap.of([...defaultKeymap, ...historyKeymap, indentWithTab]),
      EditorState.readOnly.of(readOnly),
      EditorView.contentAttributes.of({ "aria-label": label, spellcheck: "false" }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) onText(update.state.doc.toString());
      }),
      linter(
        ({ state }) => {
          const problems = problemsOf(kind, state.doc.toString());
          onProblems(problems);
          return problems.map(diagnosticOf);
        },
        { delay: CHECK_AFTER_MS },
      ),
      THEME,
    ],
  });
}

/**
 * Typing over a selection of several lines is done here: the browser's own way joins the lines with elements that carry a
 * style, which the page's policy refuses and complains of.
 */
const REPLACING = EditorView.domEventHandlers({
  beforeinput: (event, view) => {
    const { data, inputType, isComposing } = event;
    const isTyped = inputType === "insertText" && data !== null && !isComposing;
    if (!isTyped || view.state.readOnly || view.state.selection.main.empty) return false;
    view.dispatch(view.state.replaceSelection(data), {
      userEvent: "input.type",
      scrollIntoView: true,
    });
    event.preventDefault();
    return true;
  },
});

function diagnosticOf({ from, to, message }: TextProblem): Diagnostic {
  return { from, to, severity: "error", message };
}

const COLORS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--accent)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.bool, tags.null, tags.number], color: "var(--running-text)" },
  { tag: tags.string, color: "var(--text)" },
]);

const THEME = EditorView.theme({
  "&": { fontSize: "13px", backgroundColor: "var(--card)", color: "var(--text)" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-content": {
    fontFamily: "var(--mono)",
    fontVariantLigatures: "none",
    padding: "12px 0",
    caretColor: "var(--text)",
    minHeight: "20rem",
  },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": {
    backgroundColor: "var(--card)",
    color: "var(--muted)",
    borderRight: "1px solid var(--line)",
  },
  ".cm-activeLine, .cm-activeLineGutter": {
    backgroundColor: "color-mix(in srgb, var(--text) 5%, transparent)",
  },
  ".cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground":
    { backgroundColor: "color-mix(in srgb, var(--accent) 28%, transparent)" },
  ".cm-tooltip": {
    border: "1px solid var(--line-strong)",
    borderRadius: "6px",
    backgroundColor: "var(--raised)",
    color: "var(--text)",
  },
  // The marks of the package are pictures out of their own addresses, which the page's policy does not allow.
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--failed) 1px",
    textUnderlineOffset: "3px",
  },
  ".cm-lint-marker-error": {
    content: '"✕"',
    color: "var(--failed)",
    fontWeight: "700",
    textAlign: "center",
  },
  ".cm-diagnostic": { fontFamily: "var(--sans)", padding: "6px 10px" },
});
