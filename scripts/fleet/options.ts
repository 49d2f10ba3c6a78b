/** What a person may ask of the fleet simulator. */
import { Command, InvalidArgumentError } from "commander";
import { parseDurationMs } from "../../wire/duration.ts";
import { messageOf } from "../../wire/fault.ts";
import { whyNotAName } from "../../wire/ids.ts";

export interface FleetOptions {
  readonly agents: number;
  /** Added to every byte on the network, one way. */
  readonly latencyMs: number;
  /** How long a run takes, give or take a half. */
  readonly workMs: number;
  /** Share of the agents whose connection breaks now and then, in [0, 1]. */
  readonly flap: number;
  /** Share of the runs that end with an exit code that is not 0. */
  readonly fail: number;
  /** Share of the agents that are torn down in the midst of each of their runs, and started again. */
  readonly die: number;
  readonly processes: number;
  readonly seed: number;
  /** The broker; unset = as the settings say, else the one that runs on the data directory. */
  readonly server?: string;
  /** First part of the names of the PCs. */
  readonly prefix: string;
  /** The memory of the agents; unset = a temporary directory, removed at the end. */
  readonly dir?: string;
  /** Which of the processes this one is; unset for the one that a person started. */
  readonly member?: number;
}

const MOST_AGENTS = 100_000;
const MOST_PROCESSES = 64;

/** Ends the process with code 2, or 0 after `--help`, when there is nothing to run. */
export function readOptions(args: readonly string[]): FleetOptions {
  const command = new Command("fleet")
    .description(
      "Real agents, many in a process, whose runs are simulated instead of given to a shell.",
    )
    .option("--agents <n>", "how many", whole(1, MOST_AGENTS), 100)
    .option("--latency <duration>", "added to the network, one way", duration, 0)
    .option("--work <duration>", "how long a run takes, give or take a half", duration, 100)
    .option("--flap <share>", "of the agents: their connection breaks now and then", share, 0)
    .option("--fail <share>", "of the runs: they end with an exit code that is not 0", share, 0)
    .option("--die <share>", "of the agents: torn down in the midst of each run", share, 0)
    .option("--processes <n>", "to spread the agents over", whole(1, MOST_PROCESSES), 1)
    .option("--seed <n>", "the same choices for the same number", whole(0, 2 ** 32 - 1), 1)
    .option("--server <url>", "the broker, such as nats://127.0.0.1:4222")
    .option("--prefix <name>", "what the names of the PCs begin with", name, "fleet")
    .option("--dir <directory>", "keep the memory of the agents there")
    .option("--member <n>", "for the processes that this one starts", whole(0, MOST_PROCESSES))
    .configureOutput({ outputError: (text, write) => write(text) })
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  const { latency, work, ...rest } = command.parse(args, { from: "user" }).opts();
  return { ...rest, latencyMs: latency, workMs: work } as FleetOptions;
}

function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`must be a whole number from ${least} to ${most}`);
  };
}

function duration(text: string): number {
  try {
    return parseDurationMs(text);
  } catch (thrown) {
    throw new InvalidArgumentError(messageOf(thrown));
  }
}

function share(text: string): number {
  const [, percent] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  if (percent !== undefined && Number(percent) <= 100) return Number(percent) / 100;
  throw new InvalidArgumentError("must be a percentage such as 5%");
}

function name(text: string): string {
  const why = whyNotAName(text);
  if (why === undefined) return text;
  throw new InvalidArgumentError(why);
}
