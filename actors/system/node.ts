import { type Actor, createActor } from "xstate";
import {
  type SupervisedEffect,
  supervisedMachine,
  type SupervisedState,
  supervisedStateOf,
} from "../../machines/supervisor.ts";
import { Fault, messageOf } from "../../wire/fault.ts";
import type { Log } from "../log.ts";
import type { ChildDefinition, GroupDefinition, Permission } from "./definition.ts";
import { type Run, runActor, type Surroundings } from "./runs.ts";

/** One node of the tree as it is now. */
export interface ActorStatus {
  /** Names from the root on, joined by slashes. */
  readonly path: string;
  readonly name: string;
  readonly kind: "actor" | "group";
  readonly state: SupervisedState;
  /** Since when it is in that state; milliseconds since the epoch. */
  readonly since: number;
  readonly restarts: number;
  /** The message of the newest failure; null when it never failed. */
  readonly lastFailure: string | null;
  /** How long it waits before the next start, milliseconds; null unless it is backing off. */
  readonly restartInMs: number | null;
  /** What it may touch; none for a group. */
  readonly permissions: readonly Permission[];
  /** What it counts, such as `results`; null = nothing. */
  readonly handles: string | null;
  /** Pieces of it that it said it has done, over all restarts. */
  readonly handled: number;
  readonly children: readonly ActorStatus[];
}

/** What a node tells the one above it. */
export interface Parent {
  readonly path: string;
  changed(status: ActorStatus): void;
  ready(path: string): void;
  gaveUp(path: string, fault: Fault): void;
}

/** Keeps one actor or group running: does what its machine (machines/supervisor.ts) says. */
export class SupervisedNode<Table> {
  readonly path: string;
  readonly #definition: ChildDefinition<Table>;
  readonly #surroundings: Surroundings<Table>;
  readonly #parent: Parent;
  readonly #log: Log;
  readonly #machine: Actor<typeof supervisedMachine>;
  readonly #over: Promise<void>;
  #run: Run | undefined;
  #children: readonly SupervisedNode<Table>[] = [];
  /** Of a group: why the child gave up that ended its newest run. */
  #childFault: Fault | undefined;
  #callOffRestart = () => {};
  #state: SupervisedState = "starting";
  #handled = 0;
  #since: number;

  constructor(
    definition: ChildDefinition<Table>,
    surroundings: Surroundings<Table>,
    parent: Parent,
  ) {
    this.path = parent.path === "" ? definition.name : `${parent.path}/${definition.name}`;
    this.#definition = definition;
    this.#surroundings = surroundings;
    this.#parent = parent;
    this.#log = surroundings.log.child({ actor: this.path });
    this.#since = surroundings.clock.now();
    this.#machine = createActor(supervisedMachine, {
      id: this.path,
      input: definition.limit,
    });
    this.#over = new Promise((resolve) => this.#machine.subscribe({ complete: resolve }));
    surroundings.machines.add(this.#machine);
    this.#machine.subscribe(({ value }) => this.#moved(supervisedStateOf(value)));
    this.#machine.on("*", (effect) => this.#do(effect));
  }

  start(): void {
    this.#machine.start();
  }

  /** Ends when it has stopped; it is never started again. */
  async stop(): Promise<void> {
    this.#callOffRestart();
    this.#send({ type: "STOP" });
    await this.#over;
  }

  status(): ActorStatus {
    const { restarts, lastFailure, delayMs } = this.#machine.getSnapshot().context;
    return {
      path: this.path,
      name: this.#definition.name,
      kind: this.#definition.kind,
      state: this.#state,
      since: this.#since,
      restarts,
      lastFailure,
      restartInMs: this.#state === "backing off" ? delayMs : null,
      permissions: this.#definition.kind === "actor" ? this.#definition.permissions : [],
      handles: this.#definition.kind === "actor" ? this.#definition.handles : null,
      handled: this.#handled,
      children: this.#children.map((child) => child.status()),
    };
  }

  #do(effect: SupervisedEffect): void {
    switch (effect.type) {
      case "START":
        return this.#start();
      case "WAIT":
        this.#callOffRestart = this.#surroundings.timers.after(
          effect.delayMs,
          () => this.#send({ type: "RESTART_DUE" }),
        );
        return;
      case "END":
        void this.#run?.stop().then(() => this.#send({ type: "STOPPED" }));
        return;
      case "GIVE_UP":
        return this.#parent.gaveUp(this.path, this.#tooManyFailures());
    }
  }

  #start(): void {
    const run = this.#definition.kind === "actor"
      ? runActor(this.#definition, this.#surroundings, this.#log, {
        ready: () => this.#ready(),
        handled: (pieces = 1) => void (this.#handled += pieces),
      })
      : this.#runGroup(this.#definition);
    this.#run = run;
    void run.ended.then((reason) => {
      // Ending when asked to is no failure.
      if (reason !== undefined && this.#run === run) this.#failed(reason);
    });
  }

  #ready(): void {
    // Not #state: that follows the machine only when an effect such as START is done.
    if (supervisedStateOf(this.#machine.getSnapshot().value) !== "starting") return;
    this.#send({ type: "READY", at: this.#surroundings.clock.now() });
    this.#parent.ready(this.path);
  }

  #failed(reason: unknown): void {
    const { clock, random } = this.#surroundings;
    this.#send({ type: "FAILED", at: clock.now(), random: random(), reason: messageOf(reason) });
  }

  /** Starts the children in order; stops them in reverse. The first that gives up ends the run. */
  #runGroup({ children }: GroupDefinition<Table>): Run {
    let fail: (fault: Fault) => void = () => {};
    const failure = new Promise<Fault>((resolve) => fail = resolve);
    const waitedFor = new Set(children.map(({ name }) => `${this.path}/${name}`));
    const parent: Parent = {
      path: this.path,
      changed: (status) => this.#parent.changed(status),
      ready: (child) => {
        if (waitedFor.delete(child) && waitedFor.size === 0) this.#ready();
      },
      gaveUp: (_, fault) => {
        this.#childFault = fault;
        fail(fault);
      },
    };
    const nodes = children.map((child) => new SupervisedNode(child, this.#surroundings, parent));
    this.#children = nodes;
    for (const node of nodes) node.start();
    if (nodes.length === 0) this.#ready();
    const stop = () => stopInReverse(nodes);
    return { stop, ended: failure.then((fault) => stop().then(() => fault)) };
  }

  #send(event: Parameters<Actor<typeof supervisedMachine>["send"]>[0]): void {
    if (this.#machine.getSnapshot().status === "active") this.#machine.send(event);
  }

  #moved(state: SupervisedState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#since = this.#surroundings.clock.now();
    const status = this.status();
    this.#tell(status);
    this.#parent.changed(status);
  }

  #tell({ state, restarts, lastFailure, restartInMs }: ActorStatus): void {
    if (state === "backing off") {
      this.#log.warn("an actor failed and will be started again", { lastFailure, restartInMs });
    } else if (state === "gave up") {
      this.#log.error("an actor failed too often", { lastFailure, restarts });
    } else {
      this.#log.debug(`actor ${state}`, { restarts });
    }
  }

  #tooManyFailures(): Fault {
    if (this.#childFault !== undefined) return this.#childFault;
    const { failuresAt, withinMs, lastFailure } = this.#machine.getSnapshot().context;
    return new Fault(
      "internal",
      `Cannot keep ${this.path} running: ${failuresAt.length} failures within ${
        withinMs / 1_000
      } s, ` +
        `the last: ${lastFailure}`,
      { details: { actor: this.path } },
    );
  }
}

async function stopInReverse<Table>(nodes: readonly SupervisedNode<Table>[]): Promise<void> {
  for (const node of nodes.toReversed()) await node.stop();
}
