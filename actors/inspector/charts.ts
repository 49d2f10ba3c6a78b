/** Every machine as a drawing. All of them are laid out together, in a thread, when the first one is asked for. */
import { Worker } from "node:worker_threads";
import type { ElkNode } from "elkjs/lib/elk-api.js";
import type { ListedMachine } from "../../machines/machine_list.ts";
import { Fault, messageOf } from "../../wire/fault.ts";
import type { ChartAnswer } from "../../wire/http_inspector.ts";
import { type Chart, chartOf } from "./chart.ts";
import { drawnOf, graphOf } from "./layout.ts";
import { wordsOf } from "./machine_words.ts";

/** Far longer than it takes on a slow machine, milliseconds. */
const LAYOUT_WITHIN_MS = 30_000;

/** A machine with its description. */
export interface CharteredMachine {
  readonly listed: ListedMachine;
  readonly chart: Chart;
}

export class Charts {
  readonly #machines: ReadonlyMap<string, CharteredMachine>;
  #drawn: Promise<ReadonlyMap<string, ChartAnswer>> | undefined;

  constructor(machines: readonly ListedMachine[]) {
    this.#machines = new Map(
      machines.map((listed) => [listed.name, { listed, chart: chartOf(listed.machine) }]),
    );
  }

  /** Every machine, in order of their names. */
  all(): readonly CharteredMachine[] {
    return [...this.#machines.values()];
  }

  /** @throws {Fault} `not_found` */
  machine(name: string): CharteredMachine {
    const machine = this.#machines.get(name);
    if (machine !== undefined) return machine;
    throw new Fault("not_found", `Cannot find the machine ${JSON.stringify(name)}`);
  }

  /** A machine, laid out. @throws {Fault} `not_found`; `internal` when the layout fails */
  async drawn(name: string): Promise<ChartAnswer> {
    this.machine(name);
    this.#drawn ??= this.#draw().catch((thrown: unknown) => {
      this.#drawn = undefined;
      throw thrown;
    });
    const answer = (await this.#drawn).get(name);
    if (answer === undefined) throw new TypeError(`Cannot find the drawing of ${name}`);
    return answer;
  }

  async #draw(): Promise<ReadonlyMap<string, ChartAnswer>> {
    const machines = this.all();
    const laidOut = await layOut(machines.map(({ chart }) => graphOf(chart)));
    return new Map(machines.map(({ listed: { name }, chart }, index) => {
      const graph = laidOut[index];
      if (graph === undefined) throw new TypeError(`Cannot find the layout of ${name}`);
      return [name, { name, ...wordsOf(name), ...drawnOf(chart, graph) }];
    }));
  }
}

function layOut(graphs: readonly ElkNode[]): Promise<readonly ElkNode[]> {
  const worker = new Worker(new URL("./layout_worker.mjs", import.meta.url), {
    workerData: graphs,
    execArgv: [],
  });
  return new Promise<readonly ElkNode[]>((resolve, reject) => {
    const fail = (why: unknown) =>
      reject(new Fault("internal", `Cannot lay out the machines: ${messageOf(why)}`));
    const deadline = setTimeout(() => fail("it takes too long"), LAYOUT_WITHIN_MS);
    worker.once("message", resolve);
    worker.once("error", fail);
    worker.once("exit", () => {
      clearTimeout(deadline);
      fail("its thread has ended");
    });
  }).finally(() => void worker.terminate());
}
