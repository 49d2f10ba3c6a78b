// @ts-check
/**
 * The thread that lays statecharts out: the library is large, and works for half a second at a stretch. Plain JavaScript,
 * because a thread that loads tsx first starts much slower.
 */
import { createRequire } from "node:module";
import { parentPort, workerData } from "node:worker_threads";

/** @import { ELK, ElkNode } from "elkjs/lib/elk-api.js" */

// Where there is a `self` the library believes to be a browser's own worker, and answers nobody.
Object.assign(globalThis, { self: undefined });
const Elk = /** @type {new () => ELK} */ (createRequire(import.meta.url)(
  "elkjs/lib/elk.bundled.js",
));

const elk = new Elk();
const graphs = /** @type {readonly ElkNode[]} */ (workerData);
const laidOut = [];
for (const graph of graphs) laidOut.push(await elk.layout(graph));
parentPort?.postMessage(laidOut);
