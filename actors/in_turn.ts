/** Runs what it is given after all that it was given before. */
export type InTurn = <T>(change: () => Promise<T>) => Promise<T>;

/** A queue of changes: one at a time, in the order in which they were asked for. */
export function oneByOne(): InTurn {
  let last: Promise<unknown> = Promise.resolve();
  return (change) => {
    const turn = last.then(change);
    last = turn.catch(() => undefined); // the caller has it
    return turn;
  };
}
