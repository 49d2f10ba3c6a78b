/**
 * `npm run fleet -- --agents 1000 --latency 50ms --flap 5% --fail 2% --die 1%`: a fleet of real agents, to see what a
 * backend does with it. Their runs are simulated; everything else is as it is on an endpoint.
 */
import process from "node:process";
import { createLog } from "../actors/log.ts";
import { messageOf } from "../wire/fault.ts";
import { type Order, runMembers } from "./fleet/members.ts";
import { type FleetOptions, readOptions } from "./fleet/options.ts";
import { runHere } from "./fleet/run_here.ts";
import { textOf, type Totals } from "./fleet/totals.ts";
import { settingsOrExit } from "./settings.ts";

/** Between two lines about a fleet that does something. */
const LINE_EVERY_MS = 2_000;

const options = readOptions(process.argv.slice(2));
const settings = settingsOrExit(process.env);
const log = createLog({
  level: settings.logLevel === "debug" ? "debug" : "silent",
  pretty: process.stderr.isTTY,
});
const asked = new AbortController();
const impatient = new AbortController();
const stop = () => {
  if (asked.signal.aborted) impatient.abort();
  else asked.abort();
};

try {
  if (options.member === undefined) await lead(options);
  else await follow(options, options.member);
  process.exit(0);
} catch (thrown) {
  process.stderr.write(`${messageOf(thrown)}\n`);
  process.exit(1);
}

/** The process that a person started. */
async function lead(options: FleetOptions): Promise<void> {
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  process.stdout.write(`${plan(options)}\n`);
  const tell = teller();
  const signals = { asked: asked.signal, impatient: impatient.signal };
  const totals = options.processes > 1
    ? await runMembers({ options, ...signals, tell })
    : await runHere({ options, member: 0, settings, log, ...signals, tell });
  process.stdout.write(`total: ${textOf({ ...totals, connected: 0 })}\n`);
}

/** One of the processes that it started: it hears orders from there only, not from the terminal. */
async function follow(options: FleetOptions, member: number): Promise<void> {
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => undefined);
  process.on("message", (order: Order) => {
    asked.abort();
    if (order === "stop_at_once") impatient.abort();
  });
  process.on("disconnect", () => asked.abort());
  const tell = (totals: Totals) => void process.send?.(totals);
  const signals = { asked: asked.signal, impatient: impatient.signal };
  tell(await runHere({ options, member, settings, log, ...signals, tell }));
}

function plan(options: FleetOptions): string {
  const { agents, processes, seed, latencyMs, workMs, flap, fail, die } = options;
  const parts = [
    `${agents} agents in ${processes === 1 ? "this process" : `${processes} processes`}`,
    `seed ${seed}`,
    `a run takes about ${workMs} ms`,
    `network ${latencyMs} ms slower each way`,
    `${percent(flap)} of the agents flap`,
    `${percent(fail)} of the runs fail`,
    `${percent(die)} of the agents die in each run`,
  ];
  return parts.join(", ");
}

function percent(share: number): string {
  return `${Math.round(share * 10_000) / 100}%`;
}

/** Prints a line when something has changed, but not often; and once when all are connected. */
function teller(): (totals: Totals) => void {
  const startedAt = performance.now();
  let lineAt = -Infinity;
  let last = "";
  let wereAllConnected = false;
  return (totals) => {
    const { residentBytes: _, ...changing } = totals;
    const state = JSON.stringify(changing);
    const areAllConnected = totals.connected === options.agents;
    const isNews = areAllConnected && !wereAllConnected;
    if (state === last || (!isNews && performance.now() - lineAt < LINE_EVERY_MS)) return;
    wereAllConnected ||= areAllConnected;
    lineAt = performance.now();
    last = state;
    const seconds = ((lineAt - startedAt) / 1_000).toFixed(1);
    process.stdout.write(`${seconds} s: ${textOf(totals)}\n`);
  };
}
