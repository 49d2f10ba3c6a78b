import type { AnyMachineSnapshot, InspectionEvent } from "xstate";
import type { Clock } from "../actors/system/clock.ts";
import { machineIdOf } from "../actors/system/watchable.ts";
import { activeStates, transitionIdOf } from "../machines/chart_ids.ts";
import type {
  CommandMove,
  CommandState,
  CommandStatesReply,
  CommandStatesRequest,
} from "../wire/command_states.ts";
import { formatInstant } from "../wire/time.ts";
import type { CommandRun } from "./command_run.ts";
import type { Commands } from "./commands.ts";

/** Told in one reply. */
const COMMANDS_TOLD = 50;
/** Noted of all commands, and of those that have ended. */
const MOVES_NOTED = 200;
const ENDED_NOTED = 20;

/**
 * Notes what the commands do while somebody watches them from elsewhere, and tells it to who asks. Between two
 * questions everything is noted, up to a limit; after the last one, for as long as it said. Nobody asks = nothing is
 * attached to any command.
 */
export class CommandWatch {
  readonly #commands: Commands;
  readonly #clock: Clock;
  #since: string | null = null;
  #seq = 0;
  #moves: CommandMove[] = [];
  /** The newest state of each command that moved, under its request. */
  readonly #noted = new Map<string, CommandState>();
  #detach = () => {};
  #timer: NodeJS.Timeout | undefined;

  constructor(commands: Commands, clock: Clock) {
    this.#commands = commands;
    this.#clock = clock;
  }

  /** How the commands are, and what they did since the reply that the question names. */
  tell({ watch_secs, since, after }: CommandStatesRequest): CommandStatesReply {
    if (watch_secs > 0) this.#goOn(watch_secs);
    const live = this.#commands.active().map((run) => stateOf(run));
    const ids = new Set(live.map(({ request_id }) => request_id));
    const ended = [...this.#noted.values()].filter(({ request_id }) => !ids.has(request_id));
    const all = [...ended.slice(-ENDED_NOTED).map((one) => ({ ...one, ended: true })), ...live];
    const known = since === this.#since ? after ?? 0 : 0;
    return {
      at: formatInstant(this.#clock.now()),
      since: this.#since,
      commands: all.slice(-COMMANDS_TOLD),
      left_out: Math.max(0, all.length - COMMANDS_TOLD),
      moves: this.#moves.slice(-MOVES_NOTED).filter(({ seq }) => seq > known),
    };
  }

  /** Notes nothing any more. */
  end(): void {
    clearTimeout(this.#timer);
    this.#detach();
    this.#detach = () => {};
    this.#since = null;
    this.#seq = 0;
    this.#moves = [];
    this.#noted.clear();
  }

  #goOn(seconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.end(), seconds * 1_000);
    if (this.#since !== null) return;
    this.#since = formatInstant(this.#clock.now());
    this.#detach = this.#commands.machines.watch((event) => this.#take(event));
  }

  /** Called by xstate, which would end a command whose observer throws: so nothing here can. */
  #take(event: InspectionEvent): void {
    if (event.type !== "@xstate.microstep" || event.event.type.startsWith("xstate.")) return;
    const requestId = machineIdOf(event);
    const run = this.#commands.find(requestId);
    const { value } = event.snapshot as AnyMachineSnapshot;
    // A command that comes once more is none: what it was before stays what is known of it.
    if (run === undefined || value === "duplicate") return;
    this.#seq += 1;
    const states = [...activeStates(value)];
    this.#moves.push({
      seq: this.#seq,
      at: formatInstant(this.#clock.now()),
      request_id: requestId,
      event: event.event.type,
      transitions: event._transitions.map(transitionIdOf),
      states,
    });
    // Cut seldom, so that many cost little.
    if (this.#moves.length > 2 * MOVES_NOTED) this.#moves = this.#moves.slice(-MOVES_NOTED);
    this.#note(requestId, stateOf(run, event.snapshot as AnyMachineSnapshot));
  }

  #note(requestId: string, state: CommandState): void {
    // Set anew, so that the map's order is that of the newest moves.
    this.#noted.delete(requestId);
    this.#noted.set(requestId, state);
    if (this.#noted.size <= 2 * COMMANDS_TOLD) return;
    const [oldest] = this.#noted.keys();
    if (oldest !== undefined) this.#noted.delete(oldest);
  }
}

function stateOf(
  { command, resultId, machine }: CommandRun,
  snapshot: AnyMachineSnapshot = machine.getSnapshot(),
): CommandState {
  return {
    request_id: command.request_id,
    exec_id: command.exec_id,
    result_id: resultId ?? null,
    job_id: command.id,
    version: command.version,
    states: [...activeStates(snapshot.value)],
    context: { ...snapshot.context },
    ended: false,
  };
}
