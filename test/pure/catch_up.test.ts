import assert from "node:assert/strict";
import { test } from "node:test";
import { CatchUp } from "../../actors/catch_up.ts";

const RESULTS = "backend_results_projector";
const EVENTS = "backend_events_projector";

test("nobody has caught up before the lease is held", () => {
  const catchUp = new CatchUp([RESULTS, EVENTS], () => undefined);
  assert.equal(catchUp.reason, "the writer lease is not held");
});

test("every projector must have caught up in the present term, and still run", () => {
  let term = 1;
  const catchUp = new CatchUp([RESULTS, EVENTS], () => term);
  catchUp.done(RESULTS, 1);
  assert.match(catchUp.reason ?? "", /^backend_events_projector not caught up$/);
  catchUp.done(EVENTS, 1);
  assert.equal(catchUp.reason, null);
  catchUp.undone(RESULTS);
  assert.match(catchUp.reason ?? "", /backend_results_projector/);
  catchUp.done(RESULTS, 1);
  term = 2;
  assert.match(catchUp.reason ?? "", /backend_results_projector, backend_events_projector/);
});
