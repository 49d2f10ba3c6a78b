/**
 * A process that runs the product's broker, for tests that end it in some way. Prints one line of JSON
 * when the broker takes connections. Arguments: the data directory, and `exit` to exit at a line on stdin.
 */
import { brokerActor, prepareBroker } from "../../actors/broker.ts";
import { startSystem } from "../../actors/system/supervisor.ts";
import { testLog } from "./log.ts";

const [dataDir = ""] = process.argv.slice(2);
const { log } = testLog();
const broker = await prepareBroker({ dataDir, port: 0, log });
const system = startSystem({ name: "owner", actors: [brokerActor(broker)], grantors: {}, log });
await system.ready;
process.stdout.write(`${JSON.stringify({ url: broker.url })}\n`);
process.stdin.once("data", () => process.exit(3));
