import type { Pages } from "../pages_query.ts";
import { Button } from "./button.tsx";

/** Loads the next page of a list, where there is one. */
export function MoreButton<T, A>({ pages, label = "Show more" }: {
  readonly pages: Pages<T, A>;
  readonly label?: string;
}) {
  if (!pages.hasMore) return null;
  return (
    <div class="more">
      <Button class="button" off={pages.isLoadingMore} onClick={pages.loadMore}>
        {pages.isLoadingMore ? "Loading" : label}
      </Button>
    </div>
  );
}
