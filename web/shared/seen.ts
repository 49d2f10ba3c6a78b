import { useEffect, useState } from "preact/hooks";

const isSeen = () => document.visibilityState === "visible";

/** Whether somebody sees the page: what nobody sees holds no stream, because browsers allow six to a server, over all tabs. */
export function useSeen(): boolean {
  const [seen, setSeen] = useState(isSeen);
  useEffect(() => {
    const look = () => setSeen(isSeen());
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
  return seen;
}
