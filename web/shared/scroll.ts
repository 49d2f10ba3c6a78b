/** How far each place was scrolled, so that going back leads to where one came from and not to the top of it. */

/** One entry of the browser's history. */
interface Visit {
  readonly visit: number;
}

/** For so many pictures of the screen a place may still grow to the height that it had. */
const GROWS_FOR_FRAMES = 40;

const depths = new Map<number, number>();
// Entries of before a reload have other numbers.
let newest = Date.now();
let current = newest;

/** Remembers from now on. */
export function rememberScroll(): void {
  history.scrollRestoration = "manual";
  addEventListener("scroll", () => depths.set(current, scrollY), { passive: true });
}

/** A place is shown: at its top, or as far down as it was left. Called before the screen is painted. */
export function arrive(): void {
  const known = (history.state as Visit | null)?.visit;
  if (known !== undefined) {
    current = known;
    return scrollDown(depths.get(known) ?? 0, GROWS_FOR_FRAMES);
  }
  newest += 1;
  current = newest;
  history.replaceState({ visit: newest } satisfies Visit, "");
  scrollTo(0, 0);
}

/** What was loaded for the place is there at once, but some of it only with the next pictures. */
function scrollDown(depth: number, frames: number): void {
  const visit = current;
  const reachable = document.documentElement.scrollHeight - innerHeight;
  scrollTo(0, Math.min(depth, reachable));
  if (reachable >= depth || frames === 0) return;
  requestAnimationFrame(() => {
    if (visit === current) scrollDown(depth, frames - 1);
  });
}
