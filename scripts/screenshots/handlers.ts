/** What the machines of the pictures do in place of the scripts: as long, as chatty and as faulty as real ones. */
import { setTimeout as delay } from "node:timers/promises";
import type { HandlerTools, JobHandler, JobHandlers } from "../../agent/agent.ts";

const GREEN = "\u001b[32m";
const YELLOW = "\u001b[33m";
const RED = "\u001b[31m";
const DIM = "\u001b[2m";
const BOLD = "\u001b[1m";
const PLAIN = "\u001b[0m";

/** A number for a run, the same for the same id: pictures of the same system look alike. */
function chance({ resultId }: HandlerTools): number {
  let sum = 7;
  for (const char of resultId) sum = (sum * 31 + char.charCodeAt(0)) % 9_973;
  return sum / 9_973;
}

const cleanTemp: JobHandler = async (_command, tools) => {
  await delay(120 + chance(tools) * 900, undefined, { signal: tools.signal });
  if (chance(tools) > 0.94) {
    tools.stderr.write("find: '/var/tmp/spool': Permission denied\n");
    return 1;
  }
  tools.stdout.write(`freed ${chance(tools) > 0.45 ? 412 : 0} MB\n`);
  return 0;
};

const patchCheck: JobHandler = async (_command, tools) => {
  await delay(200 + chance(tools) * 1_200, undefined, { signal: tools.signal });
  if (chance(tools) > 0.6) {
    tools.stdout.write("openssl 3.0.17-1\nlibxml2 2.9.14\n");
    return 0;
  }
  tools.stdout.write("nothing to install\n");
  return 0;
};

const STEPS = [
  "fetching the package list",
  "checking the signature",
  "stopping the till",
  "unpacking 2.41",
  "migrating the receipts",
  "writing the new menu",
  "starting the till",
  "reading the card terminal",
  "printing a test receipt",
];

const updateTill: JobHandler = async (_command, tools) => {
  const { stdout, stderr, signal } = tools;
  stdout.write(`${BOLD}till-update 2.41${PLAIN} ${DIM}build 8831${PLAIN}\n\n`);
  const steps = Array.from({ length: 60 }, (_, index) => STEPS[index % STEPS.length] ?? "");
  for (const [index, step] of steps.entries()) {
    stdout.write(`${DIM}[${String(index + 1).padStart(2)}/60]${PLAIN} ${step} … `);
    await delay(300 + chance(tools) * 900, undefined, { signal });
    stdout.write(`${GREEN}ok${PLAIN}\n`);
    if (step.startsWith("reading")) {
      stderr.write(`${YELLOW}warning:${PLAIN} the card terminal answered late, asking again\n`);
    }
    if (index > 3 && chance(tools) > 0.93) {
      stderr.write(`${RED}error:${PLAIN} the receipt printer has no paper\n`);
      return 3;
    }
    if (index >= 4 && chance(tools) < 0.6) break;
  }
  stdout.write(`\n${GREEN}${BOLD}done${PLAIN}: till 2.41 is at work\n`);
  return 0;
};

const inventory: JobHandler = async (_command, tools) => {
  await delay(100 + chance(tools) * 300, undefined, { signal: tools.signal });
  tools.stdout.write(JSON.stringify({
    model: chance(tools) > 0.5 ? "ThinkCentre M70q" : "OptiPlex 7010",
    cpu: chance(tools) > 0.5 ? "i5-13400T" : "i3-12100T",
    memory_bytes: chance(tools) > 0.3 ? 16_000_000_000 : 8_000_000_000,
    disk_free_bytes: Math.round(20e9 + chance(tools) * 200e9),
    booted_at: "2026-11-18T05:12:00Z",
  }));
  return 0;
};

const anything: JobHandler = async (command, tools) => {
  await delay(80 + chance(tools) * 200, undefined, { signal: tools.signal });
  tools.stdout.write(`${command.id}: done\n`);
  return 0;
};

export const HANDLERS: JobHandlers = {
  "clean-temp": cleanTemp,
  "patch-check": patchCheck,
  "update-till": updateTill,
  "inventory-basics": inventory,
  "*": anything,
};
