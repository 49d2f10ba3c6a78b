/** By when something happens to an execution by itself, in plain words. */
import { waitingTargets } from "../../machines/execution.ts";
import { type Deadline, type InFlight, isUnsent, type StoryFacts } from "./story_facts.ts";
import { rolloutDeadline } from "./story_rollout.ts";

/** Every instant that it waits for; there is always a sentence. */
export function deadlinesOf(facts: StoryFacts): readonly Deadline[] {
  const waiting = waitingTargets(facts);
  return [
    ...rolloutDeadline(facts),
    ofExecution(facts, waiting),
    ...(facts.inFlight === null ? [] : ofRuns(facts.inFlight, facts.at)),
  ];
}

/** Its own, which is for who has not begun. */
function ofExecution(facts: StoryFacts, waiting: number): Deadline {
  const { deadlineAt, deadlinePassed, inFlight, at } = facts;
  const none = (words: string): Deadline => ({ at: null, words });
  if (deadlinePassed) {
    return none("Its deadline has passed: who had not begun by then was counted as missing.");
  }
  if (waiting === 0) return none("Its deadline does not matter any more: nobody is waited for.");
  if (isUnsent(facts)) {
    return none("It has no deadline yet: that begins when the last of it has left.");
  }
  if (deadlineAt === null) {
    return none(
      "It has no deadline: it was dispatched by somebody else, or its sending is not noted yet.",
    );
  }
  if (inFlight !== null && inFlight.pcs >= waiting) {
    return none("Its own deadline does not matter any more: all who are waited for have begun.");
  }
  return {
    at: deadlineAt,
    words: deadlineAt > at
      ? "Who has not begun then is counted as missing."
      : "The next sweep counts who has not begun as missing, once the streams are read up to then.",
  };
}

/** Of those that have begun: each has a deadline of its own. */
function ofRuns({ runs, firstAt, lastAt }: InFlight, at: number): readonly Deadline[] {
  const which = runs === 1 ? "The run in flight" : `The first of ${runs} runs in flight`;
  const first = {
    at: firstAt,
    words: firstAt > at
      ? `${which} is given up then, unless it ends before.`
      : `${which} is given up by the next sweep, once the streams are read up to then.`,
  };
  return firstAt === lastAt ? [first] : [first, {
    at: lastAt,
    words: "The last of them is given up then, unless it ends before.",
  }];
}
