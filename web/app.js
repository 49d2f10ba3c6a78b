// The dashboard. Everything that comes from a script or a machine is put in as text, never as HTML.

import { api, NotSignedIn, signIn, tokenOfFragment } from "./api.js";
import { showExecution, showExecutions, showFleet } from "./views.js";

/** Refreshes follow each other no faster than this, milliseconds. */
const REFRESH_MS = 400;
/** Output of a run in flight is no event: it is asked for again after this, milliseconds. */
const TAIL_MS = 2_000;
/** The fleet's health counts a day of runs: it is asked for no more often than this, milliseconds. */
const FLEET_MS = 5_000;
/** After a refusal of the event stream it is asked for again after this, milliseconds. */
const RETRY_MS = 5_000;

const byId = (id) => document.getElementById(id);

let refreshing;
let isStale = false;
let fleetDueAt = 0;
let refreshTimer;
let tailTimer;
let events;

async function start() {
  byId("sign-in").addEventListener("submit", (event) => {
    event.preventDefault();
    void submitToken();
  });
  globalThis.addEventListener("hashchange", () => void refresh());
  const token = tokenOfFragment();
  if (token !== undefined) await signIn(token).catch(() => undefined); // the form asks again
  await enter();
}

async function submitToken() {
  byId("sign-in-problem").textContent = "";
  try {
    await signIn(byId("token").value.trim());
    byId("token").value = "";
    await enter();
  } catch (error) {
    byId("sign-in-problem").textContent = error.message;
  }
}

async function enter() {
  await refresh();
  if (byId("sign-in").hidden) listen();
}

/** Every committed change arrives as an event; whatever is shown is then loaded again. */
function listen() {
  events?.close();
  events = new EventSource("/api/events");
  events.onopen = () => {
    showLive(true);
    refreshSoon();
  };
  events.onerror = () => {
    showLive(false);
    // The browser itself comes back after a lost connection, but not after a refusal.
    if (events.readyState === EventSource.CLOSED) setTimeout(() => void enter(), RETRY_MS);
  };
  for (const name of ["transition", "run", "agent", "dead_letter", "health", "lagged"]) {
    events.addEventListener(name, refreshSoon);
  }
}

function showLive(on) {
  byId("live").dataset.state = on ? "on" : "off";
  byId("live").textContent = on ? "live" : "not connected";
}

function refreshSoon() {
  refreshTimer ??= setTimeout(() => {
    refreshTimer = undefined;
    void refresh();
  }, REFRESH_MS);
}

/** One at a time: what is asked for meanwhile is done once more afterwards, never beside. */
function refresh() {
  isStale = true;
  refreshing ??= loadWhileStale().finally(() => refreshing = undefined);
  return refreshing;
}

async function loadWhileStale() {
  while (isStale) {
    isStale = false;
    await load();
  }
}

async function load() {
  try {
    await showPage();
    byId("sign-in").hidden = true;
    byId("problem").textContent = "";
  } catch (error) {
    if (error instanceof NotSignedIn) askForToken();
    else byId("problem").textContent = error.message;
  }
}

async function showPage() {
  clearTimeout(tailTimer);
  const [, execId, resultId] = /^#\/executions\/([^/]+)(?:\/runs\/([^/]+))?$/.exec(location.hash) ??
    [];
  if (performance.now() >= fleetDueAt) {
    showFleet(await api("/api/health/fleet"));
    fleetDueAt = performance.now() + FLEET_MS;
  }
  const inFlight = execId === undefined
    ? await showExecutions()
    : await showExecution(decodeURIComponent(execId), resultId && decodeURIComponent(resultId));
  if (inFlight) tailTimer = setTimeout(refreshSoon, TAIL_MS);
  byId("executions").hidden = execId !== undefined;
  byId("execution").hidden = execId === undefined;
}

function askForToken() {
  events?.close();
  showLive(false);
  byId("executions").hidden = true;
  byId("execution").hidden = true;
  byId("sign-in").hidden = false;
  byId("token").focus();
}

await start();
