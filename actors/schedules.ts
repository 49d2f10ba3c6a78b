/** The schedules that people write, in their buckets (wire.md §3). Every call may throw the Faults of the bus. */
import * as v from "valibot";
import { decode, encode } from "../wire/codec.ts";
import { Fault, messageOf } from "../wire/fault.ts";
import { key } from "../wire/ids.ts";
import type { Schedule } from "../wire/schedule.ts";
import { withMember } from "../wire/yaml_member.ts";
import { deletePresent, deleteVersioned, type Expected, writeVersioned } from "./kv_revision.ts";
import type { Kv } from "./kv_types.ts";
import type { Log } from "./log.ts";
import { storedSchedule } from "./stored_schedules.ts";

export interface ScheduleCatalogue {
  /** By id. A stored schedule that cannot be read is logged and left out: it does not fire either. */
  list(): Promise<readonly Schedule[]>;
  /** @throws {Fault} `invalid_input` when what is stored is no schedule */
  get(id: string): Promise<{ readonly schedule: Schedule; readonly revision: number } | undefined>;
  /** The schedule as its author wrote it. */
  yaml(id: string): Promise<string | undefined>;
  /** Gives the new revision. @throws {Fault} `stale` */
  put(schedule: Schedule, text: string, expected: Expected): Promise<number>;
  /** Whether there was such a schedule. @throws {Fault} `stale` */
  remove(id: string, expected: Expected): Promise<boolean>;
  /** Undefined when there is no such schedule. @throws {Fault} `stale` when it changes at the same time */
  setEnabled(id: string, enabled: boolean): Promise<Schedule | undefined>;
}

export interface ScheduleBuckets {
  readonly schedules: Kv;
  readonly schedulesYaml: Kv;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Schedules over their buckets; one that cannot be read is left out of lists, and logged. */
export function createScheduleCatalogue(
  { schedules, schedulesYaml }: ScheduleBuckets,
  log: Log,
): ScheduleCatalogue {
  return {
    async list() {
      const entries = await schedules.entries();
      return entries.flatMap(({ key, value }) => readable(value, key, log))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
    },
    async get(id) {
      const entry = await schedules.get(key(id));
      if (entry === undefined) return undefined;
      return { schedule: storedSchedule(entry.value), revision: entry.revision };
    },
    async yaml(id) {
      const entry = await schedulesYaml.get(key(id));
      return entry === undefined ? undefined : decoder.decode(entry.value);
    },
    async put(schedule, text, expected) {
      const name = key(schedule.id);
      const what = nameOf(schedule.id);
      const revision = await writeVersioned(schedules, name, encode(schedule), { what, expected });
      await schedulesYaml.put(name, encoder.encode(text));
      return revision;
    },
    async remove(id, expected) {
      const name = key(id);
      const present = await schedules.get(name) !== undefined;
      await deleteVersioned(schedules, name, { what: nameOf(id), expected });
      await deletePresent(schedulesYaml, name);
      return present;
    },
    setEnabled: (id, enabled) => setEnabled({ schedules, schedulesYaml }, id, enabled),
  };
}

const AnyMembers = v.record(v.string(), v.unknown());

/** Members that we do not know stay: a newer peer may have written them. */
async function setEnabled(
  { schedules, schedulesYaml }: ScheduleBuckets,
  id: string,
  enabled: boolean,
): Promise<Schedule | undefined> {
  const name = key(id);
  const entry = await schedules.get(name);
  if (entry === undefined) return undefined;
  const present = storedSchedule(entry.value);
  if (present.enabled === enabled) return present;
  const members = decode(AnyMembers, "schedule", entry.value);
  const expected = entry.revision;
  const value = encode({ ...members, enabled });
  await writeVersioned(schedules, name, value, { what: nameOf(id), expected });
  const text = await schedulesYaml.get(name);
  if (text !== undefined) {
    const changed = withMember(decoder.decode(text.value), "enabled", enabled);
    await schedulesYaml.put(name, encoder.encode(changed));
  }
  return { ...present, enabled };
}

function nameOf(id: string): string {
  return `the schedule ${JSON.stringify(id)}`;
}

function readable(value: Uint8Array, name: string, log: Log): Schedule[] {
  try {
    return [storedSchedule(value)];
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    log.warn("stored schedule not readable", { key: name, error: messageOf(thrown) });
    return [];
  }
}
