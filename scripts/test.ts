/**
 * `npm test`: the tests under Node's own runner, whose summary is the last thing printed.
 * `npm test -- agent kv` runs the files whose path holds one of the words.
 */
import { readdir } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { pathToFileURL } from "node:url";
import { findBroker } from "../actors/broker_binary.ts";
import { createLog } from "../actors/log.ts";
import { Fault } from "../wire/fault.ts";

const ROOMS = ["test/pure", "test/live"];
/** One more than the machines that run this have cores: most of a test is waiting for a clock, a disk or a process. */
const CONCURRENCY = 3;
/** A file that hangs ends after this; the longest storms for a minute. */
const TIMEOUT_MS = 600_000;
/** Those that take longest, so that none of them is left over; and far from the pages, whose frames are measured. */
const FIRST = ["storm", "bench", "rollout_fleet"].map((name) => `${name}.test.ts`);

/**
 * Runs the test files whose path holds one of the words, or all. A missing nats-server is got as the product gets it.
 *
 * @returns the exit code
 */
export async function runTests(words: readonly string[]): Promise<number> {
  const files = await testFiles(words);
  if (files.length === 0) {
    console.error(`Cannot find a test whose path holds ${words.join(" or ")}`);
    return 2;
  }
  const broker = await brokerPath();
  if (broker === undefined) return 2;
  // The processes of the files inherit it.
  process.env["KANADE_NATS_SERVER"] = broker;
  return await exitCodeOf(files);
}

/** Where nats-server is; undefined after saying why it cannot be had. */
async function brokerPath(): Promise<string | undefined> {
  const { KANADE_NATS_SERVER: explicit, PATH: path = "" } = process.env;
  const log = createLog({ level: "info", pretty: true });
  try {
    return (await findBroker({ explicit, path, platform: process.platform, log })).path;
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    console.error(thrown.message);
    return undefined;
  }
}

async function testFiles(words: readonly string[]): Promise<readonly string[]> {
  const listed = await Promise.all(
    ROOMS.map(async (room) =>
      (await readdir(room)).filter((name) => name.endsWith(".test.ts")).map((name) =>
        `${room}/${name}`
      )
    ),
  );
  const isChosen = (path: string) =>
    words.length === 0 || words.some((word) => path.includes(word));
  const chosen = listed.flat().filter(isChosen).toSorted();
  const isFirst = (path: string) => FIRST.includes(basename(path));
  return [...chosen.filter(isFirst), ...chosen.filter((path) => !isFirst(path))];
}

/** Each file in a process of its own, started as this one was. Node's command line would sort them. */
async function exitCodeOf(files: readonly string[]): Promise<number> {
  const events = run({
    files: files.map((file) => resolve(file)),
    concurrency: CONCURRENCY,
    timeout: TIMEOUT_MS,
  });
  let exitCode = 0;
  events.on("test:fail", () => exitCode = 1);
  for await (const text of events.compose(new spec())) process.stdout.write(text);
  return exitCode;
}

const isMain = import.meta.url === pathToFileURL(process.argv[1] ?? "").href;
if (isMain) process.exitCode = await runTests(process.argv.slice(2));
