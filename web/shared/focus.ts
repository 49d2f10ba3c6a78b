/** Where the focus is of whoever goes by keys. What is taken out of the page takes it along, and the next Tab begins at its top. */

/** Sees to it that the focus is somewhere: when what had it is gone, what the page is called has it. */
export function keepFocus(): void {
  let last: Element | undefined;
  addEventListener("focusin", ({ target }) => {
    last = target instanceof Element ? target : undefined;
  });
  // Who clicks beside everything has left it by will. What is taken out is gone by then.
  addEventListener("focusout", ({ target }) =>
    queueMicrotask(() => {
      if (target === last && last?.isConnected) last = undefined;
    }));
  new MutationObserver(() => {
    if (last === undefined || last.isConnected || document.activeElement !== document.body) return;
    last = undefined;
    focusPage();
  }).observe(document.body, { childList: true, subtree: true });
}

/** The page has a new head when there is none now. */
function focusPage(): void {
  document.querySelector("h1")?.focus({ preventScroll: true });
}
