import { Component, type ComponentChildren, type ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { wordsOf } from "../api.ts";
import { onGap } from "../live.ts";
import { Problem, Skeleton } from "./states.tsx";

interface BoundaryProps {
  /** Another place: what failed there is forgotten. */
  readonly place: string;
  readonly children: ComponentChildren;
}

interface BoundaryState {
  readonly error?: unknown;
  readonly place?: string;
}

/** Keeps a fault of one page from taking the rest along, and says it. */
export class Boundary extends Component<BoundaryProps, BoundaryState> {
  static override getDerivedStateFromProps({ place }: BoundaryProps, state: BoundaryState) {
    return state.place === place ? null : { place, error: undefined };
  }

  override componentDidCatch(error: unknown): void {
    this.setState({ error });
  }

  override render() {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <Problem
        error={`This page has failed: ${wordsOf(error)}`}
        retry={() => this.setState({ error: undefined })}
      />
    );
  }
}

type Loadable<P> = { readonly state: "loading" } | { readonly state: "failed" } | {
  readonly state: "there";
  readonly page: ComponentType<P>;
};

/** A component that is fetched when it is first shown. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | undefined;
  return function Lazy(props: P) {
    const [now, setNow] = useState<Loadable<P>>(() =>
      loaded === undefined ? { state: "loading" } : { state: "there", page: loaded }
    );
    useEffect(() => {
      if (now.state !== "loading") return;
      load().then((page) => {
        loaded = page;
        setNow({ state: "there", page });
      }, () => setNow({ state: "failed" }));
    }, [now.state]);
    // The server was away, and is back.
    useEffect(() => {
      if (now.state !== "failed") return undefined;
      return onGap(() => setNow({ state: "loading" }));
    }, [now.state]);
    if (now.state === "there") return <now.page {...props} />;
    if (now.state === "loading") return <Skeleton />;
    // After an update of the server the files of yesterday's page are gone.
    return (
      <Problem
        error="This part of the page could not be fetched: the server is away, or it was updated."
        retry={() => location.reload()}
      />
    );
  };
}
