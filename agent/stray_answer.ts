import type { Msg } from "nats";

/** How the API of JetStream, and a stream that stored something, begin what they say. */
const ANSWERS = [`{"type":"io.nats.jetstream.api.`, `{"stream":"`, `{"error":{`];
/** Enough of a body to see that. */
const BEGINNING_BYTES = 50;

/**
 * Whether a message is an answer of the broker that somebody had sent here: NATS lets who asks choose where the answer
 * goes, whatever he may publish himself. A stored message that was read tells its stream, one that was pulled where it is
 * to be acknowledged, that there is none is a status, and the rest is known by how it begins.
 */
export function isStrayAnswer({ headers, reply, data }: Msg): boolean {
  if (headers !== undefined && (headers.code !== 0 || headers.has("Nats-Stream"))) return true;
  if (reply?.startsWith("$JS.ACK.")) return true;
  const beginning = Buffer.from(data.subarray(0, BEGINNING_BYTES)).toString("latin1");
  return ANSWERS.some((answer) => beginning.startsWith(answer));
}
