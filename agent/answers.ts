import type { Msg, Subscription } from "nats";
import type { Bus } from "../actors/bus.ts";
import type { Log } from "../actors/log.ts";
import { decode, encode } from "../wire/codec.ts";
import { type CommandStatesReply, CommandStatesRequest } from "../wire/command_states.ts";
import { messageOf } from "../wire/fault.ts";
import {
  DEFAULT_LOG_LINES,
  type JobTailReply,
  JobTailRequest,
  LogsRequest,
} from "../wire/job_tail.ts";
import { type KillRunsReply, KillRunsRequest } from "../wire/kills.ts";
import {
  commandStatesSubject,
  jobTailSubject,
  killRunsSubject,
  logsFetchSubject,
  pingSubject,
} from "../wire/subjects.ts";
import { defineAgentActor } from "./capabilities.ts";
import { CommandWatch } from "./command_watch.ts";
import type { Commands } from "./commands.ts";
import { type LiveOutput, type LiveOutputs, RING_BYTES } from "./live_output.ts";
import type { LogTail } from "./log_tail.ts";
import { lossyText } from "./output_text.ts";
import { OutputWatches, type WatchFrom } from "./output_watches.ts";
import { whenAborted } from "./when_aborted.ts";

/** Of an answer: below the smallest payload limit that a broker is usually given. */
const MAX_ANSWER_BYTES = 524_288;

const NOT_FOUND: JobTailReply = {
  found: false,
  running: false,
  stdout: "",
  stderr: "",
  stdout_truncated: false,
  stderr_truncated: false,
  stdout_offset: 0,
  stderr_offset: 0,
};

/** Answers what is asked of this agent; a bad request gets an empty but valid answer (agent.md §4). */
export const answers = defineAgentActor({
  name: "answers",
  permissions: {
    identity: true,
    link: true,
    heartbeats: true,
    liveOutputs: true,
    logTail: true,
    commands: true,
  },
  handles: "requests",
  run: async (grants) => {
    const { identity, link, heartbeats, liveOutputs, logTail, commands, signal, ready } = grants;
    const { pcId } = identity;
    ready();
    const bus = await link.connected(signal);
    const watches = new OutputWatches(pcId, bus);
    const watch = new CommandWatch(commands, grants.clock);
    const tools = { ...grants, bus };
    const subscriptions = [
      answer(tools, pingSubject(pcId), () => encode(heartbeats.beat())),
      answer(tools, killRunsSubject(pcId), (body) => killRuns(body, commands)),
      answer(tools, logsFetchSubject(pcId), (body) => logLines(body, logTail)),
      answer(tools, jobTailSubject(pcId), (body) => tail(body, liveOutputs, watches)),
      answer(tools, commandStatesSubject(pcId), (body) => commandStates(body, watch)),
    ];
    try {
      await whenAborted(signal);
    } finally {
      watches.clear();
      watch.end();
      for (const subscription of subscriptions) subscription.unsubscribe();
    }
  },
});

interface AnswerTools {
  readonly bus: Bus;
  readonly log: Log;
  readonly handled: () => void;
}

function answer(
  { bus, log, handled }: AnswerTools,
  subject: string,
  reply: (body: Uint8Array) => Uint8Array,
): Subscription {
  return bus.connection.subscribe(subject, {
    callback: (error: Error | null, message: Msg) => {
      if (error !== null) return log.warn("cannot hear requests", { subject, error });
      try {
        message.respond(reply(message.data));
        handled();
      } catch (thrown) {
        log.warn("cannot answer", { subject, why: messageOf(thrown) });
      }
    },
  });
}

/** What cannot be read kills nothing. */
function killRuns(body: Uint8Array, commands: Commands): Uint8Array {
  let request: KillRunsRequest;
  try {
    request = decode(KillRunsRequest, "kill request", body);
  } catch {
    return encode({ killed: [] } satisfies KillRunsReply);
  }
  return encode({ killed: commands.killHere(request) } satisfies KillRunsReply);
}

/** Who cannot be understood is told how it is now, and nothing is noted for it. */
function commandStates(body: Uint8Array, watch: CommandWatch): Uint8Array {
  let request: CommandStatesRequest = { watch_secs: 0 };
  try {
    request = decode(CommandStatesRequest, "request for commands", body);
  } catch {
    // A bad request gets a valid answer.
  }
  return fitting(watch.tell(request));
}

/** The newest half of it, again and again, until its JSON fits into an answer. */
function fitting(reply: CommandStatesReply): Uint8Array {
  for (let told = reply;;) {
    const bytes = encode(told);
    if (bytes.length <= MAX_ANSWER_BYTES) return bytes;
    const commands = told.commands.slice(Math.ceil(told.commands.length / 2));
    told = {
      ...told,
      commands,
      left_out: told.left_out + told.commands.length - commands.length,
      moves: told.moves.slice(Math.ceil(told.moves.length / 2)),
    };
  }
}

function logLines(body: Uint8Array, logTail: LogTail): Uint8Array {
  return Buffer.from(logTail.last(linesWanted(body), MAX_ANSWER_BYTES));
}

function linesWanted(body: Uint8Array): number {
  try {
    return body.length === 0
      ? DEFAULT_LOG_LINES
      : decode(LogsRequest, "logs request", body).tail_lines;
  } catch {
    return 0;
  }
}

function tail(body: Uint8Array, liveOutputs: LiveOutputs, watches: OutputWatches): Uint8Array {
  let request: JobTailRequest;
  try {
    request = decode(JobTailRequest, "tail request", body);
  } catch {
    return encode(NOT_FOUND);
  }
  const output = liveOutputs.find(request.result_id);
  if (output === undefined) return encode(NOT_FOUND);
  const from = wantedFrom(request);
  if (request.watch_secs) watches.watch(output, request.watch_secs, from);
  return from === undefined ? fittingSnapshot(output) : encode(beginnings(output, from));
}

function wantedFrom(request: JobTailRequest): WatchFrom | undefined {
  const { watch_secs, stdout_from: stdout, stderr_from: stderr } = request;
  if (!watch_secs || typeof stdout !== "number" || typeof stderr !== "number") return undefined;
  return { stdout, stderr };
}

/** Where the chunks begin that were asked for: all the text is in them. */
function beginnings(output: LiveOutput, from: WatchFrom): JobTailReply {
  return {
    ...NOT_FOUND,
    found: true,
    running: output.running,
    stdout_offset: output.since("stdout", from.stdout).offset,
    stderr_offset: output.since("stderr", from.stderr).offset,
  };
}

/** What the ring holds; less of it when its JSON would not fit into an answer. */
function fittingSnapshot(output: LiveOutput): Uint8Array {
  for (let ringBytes = RING_BYTES;; ringBytes = Math.floor(ringBytes / 2)) {
    const reply = encode(snapshot(output, ringBytes));
    if (reply.length <= MAX_ANSWER_BYTES || ringBytes === 0) return reply;
  }
}

function snapshot(output: LiveOutput, ringBytes: number): JobTailReply {
  const stdout = output.since("stdout", output.totalBytes("stdout") - ringBytes);
  const stderr = output.since("stderr", output.totalBytes("stderr") - ringBytes);
  return {
    found: true,
    running: output.running,
    stdout: lossyText(stdout.bytes),
    stderr: lossyText(stderr.bytes),
    stdout_truncated: stdout.offset > 0,
    stderr_truncated: stderr.offset > 0,
    stdout_offset: stdout.offset,
    stderr_offset: stderr.offset,
  };
}
