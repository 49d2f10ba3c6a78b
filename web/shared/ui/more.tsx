import type { Pages } from "../pages_query.ts";

/** Loads the next page of a list, where there is one. */
export function MoreButton<T, A>({ pages, label = "Show more" }: {
  readonly pages: Pages<T, A>;
  readonly label?: string;
}) {
  if (!pages.hasMore) return null;
  return (
    <div class="more">
      <button
        type="button"
        class="button"
        disabled={pages.query.isFetching}
        onClick={pages.loadMore}
      >
        {pages.query.isFetching ? "Loading" : label}
      </button>
    </div>
  );
}
