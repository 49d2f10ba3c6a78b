/** What stands in a place that has nothing to show: yet, at all, or because something went wrong. */
import type { ComponentChildren } from "preact";
import { wordsOf } from "../api.ts";
import type { Loaded } from "../queries.ts";
import { Icon, type IconName } from "./icons.tsx";
import { PageHead } from "./page.tsx";

/** Nothing is there: says so, and what to do next. */
export function Empty({ icon = "inbox", title, children }: {
  readonly icon?: IconName;
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <strong>{title}</strong>
      {children}
    </div>
  );
}

/** What failed, in the server's own words, and the way to try again. */
export function Problem({ error, retry }: {
  readonly error: unknown;
  readonly retry?: (() => void) | undefined;
}) {
  return (
    <div class="problem" role="alert">
      <p>{wordsOf(error)}</p>
      {retry !== undefined && (
        <button type="button" class="button small" onClick={retry}>Try again</button>
      )}
    </div>
  );
}

/** A moment before the first answer. Every question has a deadline, so that this ends. */
export function Skeleton() {
  return (
    <div class="skeleton" role="status">
      <span class="sr-only">Loading</span>
      <span />
      <span />
      <span />
    </div>
  );
}

/**
 * What a whole page is of, or why it cannot be shown: then with what the page is called and the way back, because a
 * page without a head is a dead end.
 */
export function LoadablePage<T>({ query, title, crumbs, children }: {
  readonly query: Loaded<T>;
  readonly title: string;
  readonly crumbs: ComponentChildren;
  readonly children: (value: T) => ComponentChildren;
}) {
  const isNowhere = query.data === undefined && query.isError;
  return (
    <>
      {isNowhere && <PageHead title={title} crumbs={crumbs} />}
      <Loadable query={query}>{children}</Loadable>
    </>
  );
}

/** What was loaded, or why not. What is there stays when loading it again fails, with the reason above it. */
export function Loadable<T>({ query, children }: {
  readonly query: Loaded<T>;
  readonly children: (value: T) => ComponentChildren;
}) {
  const problem = query.isError
    ? <Problem error={query.error} retry={() => void query.refetch()} />
    : null;
  if (query.data === undefined) return problem ?? <Skeleton />;
  return (
    <>
      {problem}
      {children(query.data)}
    </>
  );
}
