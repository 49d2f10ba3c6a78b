// What the pages look like: answers of the API in, nodes of the document out.

import { api } from "./api.js";

const byId = (id) => document.getElementById(id);

/** Counters of an execution in the order in which its bar shows them. */
const COUNTERS = [
  ["succeeded", "success_count"],
  ["failed", "failure_count"],
  ["skipped", "skipped_count"],
  ["expired", "expired_count"],
  ["missing", "missing_count"],
];

/** An element with properties, data attributes and children; texts become text nodes. */
function element(name, { data = {}, ...properties } = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  Object.assign(node.dataset, data);
  node.append(...children);
  return node;
}

export function showFleet({ agents, components }) {
  // What is wrong is told with its reason; what is well has nothing to say but a known risk.
  const told = components.filter(({ ok, detail }) => !ok || detail !== "well")
    .map(({ name, detail }) => `${name}: ${detail}`);
  const online = `${agents.active} of ${agents.known} agents online`;
  byId("fleet").textContent = [online, ...told].join(" · ");
}

/** Shows the list. */
export async function showExecutions() {
  const executions = await api("/api/executions?limit=100");
  byId("execution-rows").replaceChildren(...executions.map(executionRow));
  byId("no-executions").hidden = executions.length > 0;
}

function executionRow(execution) {
  const href = `#/executions/${encodeURIComponent(execution.exec_id)}`;
  return element(
    "tr",
    {},
    element("td", {}, stateOf(execution)),
    element("td", {}, jobOf(execution)),
    element("td", {}, progressOf(execution)),
    element("td", { title: execution.initiated_at }, timeOf(execution.initiated_at)),
    element("td", {}, execution.initiated_by ?? ""),
    element("td", {}, element("a", { className: "id", href }, execution.exec_id.slice(0, 8))),
  );
}

function stateOf({ status }) {
  return element("span", { className: "state", data: { state: status } }, status);
}

function jobOf({ job_id, version }) {
  if (job_id === null || job_id === "adhoc") return "ad-hoc script";
  return version === null ? job_id : `${job_id} ${version}`;
}

function progressOf(execution) {
  const bar = element("div", { className: "progress" });
  const words = [];
  let accounted = 0;
  for (const [outcome, member] of COUNTERS) {
    const count = execution[member];
    if (count === 0) continue;
    const part = element("span", { data: { outcome } });
    part.style.flexGrow = count;
    bar.append(part);
    words.push(`${count} ${outcome}`);
    accounted += count;
  }
  const rest = element("span");
  rest.style.flexGrow = Math.max(0, execution.target_count - accounted);
  bar.append(rest);
  const text = `${words.join(", ") || "nothing yet"} of ${execution.target_count}`;
  return element("div", {}, bar, element("span", { className: "counts" }, text));
}

/** Shows one execution, and a run of it if one is chosen. Gives whether that run is in flight. */
export async function showExecution(execId, resultId) {
  const detail = await api(`/api/executions/${encodeURIComponent(execId)}`);
  const { execution, results, missing, missing_reasons } = detail;
  byId("execution-title").replaceChildren(jobOf(execution), " ", stateOf(execution));
  byId("execution-facts").textContent = factsOf(execution);
  byId("execution-bar").replaceChildren(progressOf(execution));
  byId("pcs").replaceChildren(
    ...results.map((run) => runButton(execId, run, resultId)),
    ...missing.map((pcId, index) => missingButton(pcId, missing_reasons[index])),
  );
  const shown = resultId ?? (results.length === 1 ? results[0].result_id : undefined);
  byId("run").hidden = shown === undefined;
  return shown !== undefined && await showRun(shown);
}

function factsOf(execution) {
  const facts = [`started ${timeOf(execution.initiated_at)}`];
  if (execution.initiated_by !== null) facts.push(`by ${execution.initiated_by}`);
  if (execution.killed_by !== null) facts.push(`killed by ${execution.killed_by}`);
  return `${facts.join(" ")} · ${execution.exec_id}`;
}

function runButton(execId, run, shownResultId) {
  const outcome = run.outcome ?? "running";
  const button = element(
    "button",
    {
      type: "button",
      title: `${run.pc_id}: ${outcome}${exitOf(run)}`,
      ariaPressed: String(run.result_id === shownResultId),
      data: { outcome },
    },
    run.pc_id,
  );
  button.addEventListener("click", () => {
    const run_ = encodeURIComponent(run.result_id);
    location.hash = `#/executions/${encodeURIComponent(execId)}/runs/${run_}`;
  });
  return button;
}

function missingButton(pcId, reason) {
  return element(
    "button",
    {
      type: "button",
      disabled: true,
      title: `missing: ${reason ?? "silent"}`,
      data: { outcome: "missing" },
    },
    pcId,
  );
}

async function showRun(resultId) {
  const path = `/api/results/${encodeURIComponent(resultId)}`;
  const run = await api(path);
  const output = run.outcome === null ? await api(`${path}/tail`) : run;
  byId("run-title").textContent = `${run.pc_id}: ${run.outcome ?? "running"}${exitOf(run)}`;
  byId("run-facts").textContent = run.finished_at === null
    ? `since ${timeOf(run.started_at)}`
    : `${timeOf(run.started_at)}, took ${secondsOf(run)} s`;
  setText(byId("run-stdout"), output.stdout);
  setText(byId("run-stderr"), output.stderr);
  return run.outcome === null;
}

/** Leaves a text that is the same alone, so that a selection survives a refresh. */
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A run in flight has no exit code; it is never shown as 0. */
function exitOf({ exit_code }) {
  return exit_code === null ? "" : `, exit ${exit_code}`;
}

function secondsOf({ started_at, finished_at }) {
  return ((Date.parse(finished_at) - Date.parse(started_at)) / 1000).toFixed(1);
}

function timeOf(instant) {
  return new Date(instant).toLocaleString();
}
