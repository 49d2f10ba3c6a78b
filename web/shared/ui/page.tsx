import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** The head of a page. It takes the focus when the page is opened, so that a reader begins there. */
export function PageHead({ title, name, crumbs, children }: {
  /** For the window. */
  readonly title: string;
  /** What stands there, where that is more than the title. */
  readonly name?: ComponentChildren;
  readonly crumbs?: ComponentChildren;
  /** What can be done here. */
  readonly children?: ComponentChildren;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · kanade`;
  }, [title]);
  useEffect(() => heading.current?.focus({ preventScroll: true }), []);
  return (
    <header class="page-head">
      <div class="titles">
        {crumbs !== undefined && <nav class="crumbs" aria-label="Where you are">{crumbs}</nav>}
        <h1 ref={heading} tabIndex={-1}>{name ?? title}</h1>
      </div>
      {children !== undefined && <div class="actions">{children}</div>}
    </header>
  );
}
