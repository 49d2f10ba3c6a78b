import * as v from "valibot";

/**
 * A JSON object, read as its keys with their values. No record of valibot: that leaves out "constructor", and a PC or a
 * job may be called so.
 */
export function entriesOf<S extends v.GenericSchema>(value: S) {
  return v.pipe(
    v.custom<object>((object) =>
      typeof object === "object" && object !== null && !Array.isArray(object)
    ),
    v.transform((object) => Object.entries(object) as unknown[]),
    v.array(v.tuple([v.string(), value])),
  );
}
