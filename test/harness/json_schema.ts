/**
 * What is wrong with a value by a JSON Schema (2020-12), as far as the document of the API uses it; a keyword that is not
 * known here is a fault of this file. Stricter in one thing: a member that an object's schema does not name is wrong, unless
 * it names none or allows others.
 */
export interface JsonSchema {
  readonly [keyword: string]: unknown;
}

/** The places that are wrong, a sentence each. @param definitions by their names in `#/components/schemas/` */
export function faultsOf(
  value: unknown,
  schema: JsonSchema,
  definitions: Readonly<Record<string, JsonSchema>>,
): readonly string[] {
  return [...faults(value, schema, { definitions, at: "" })];
}

interface Context {
  readonly definitions: Readonly<Record<string, JsonSchema>>;
  /** Where the value stands. */
  readonly at: string;
}

type Keyword = (
  value: unknown,
  told: never,
  context: Context,
  schema: JsonSchema,
) => Iterable<string>;

function* faults(value: unknown, schema: JsonSchema, context: Context): Generator<string> {
  for (const [name, told] of Object.entries(schema)) {
    const keyword = KEYWORDS[name];
    if (keyword === undefined) throw new TypeError(`Cannot check the keyword ${name}`);
    yield* keyword(value, told as never, context, schema);
  }
}

function* wrong(is: boolean, { at }: Context, why: string): Generator<string> {
  if (is) yield `${at || "the whole"} ${why}`;
}

const nothing: Keyword = () => [];

const KEYWORDS: Readonly<Record<string, Keyword>> = {
  default: nothing,
  description: nothing,
  title: nothing,
  propertyNames: nothing,
  $ref: (value, reference: string, context) => {
    const name = reference.replace("#/components/schemas/", "");
    const schema = context.definitions[name];
    if (schema === undefined) throw new TypeError(`Cannot find the schema ${reference}`);
    return faults(value, schema, context);
  },
  type: (value, type: string, context) =>
    wrong(!isOfType(value, type), context, `is no ${type}: ${JSON.stringify(value)}`),
  const: (value, only: unknown, context) =>
    wrong(value !== only, context, `is not ${JSON.stringify(only)}: ${JSON.stringify(value)}`),
  enum: (value, all: readonly unknown[], context) =>
    wrong(!all.includes(value), context, `is none of ${all.join(", ")}: ${JSON.stringify(value)}`),
  pattern: (value, pattern: string, context) => {
    const isWrong = typeof value === "string" && !new RegExp(pattern, "u").test(value);
    return wrong(isWrong, context, `does not match ${pattern}: ${JSON.stringify(value)}`);
  },
  minLength: (value, least: number, context) =>
    wrong(typeof value === "string" && value.length < least, context, "is too short"),
  maxLength: (value, most: number, context) =>
    wrong(typeof value === "string" && value.length > most, context, "is too long"),
  minimum: (value, least: number, context) =>
    wrong(typeof value === "number" && value < least, context, `is below ${least}`),
  maximum: (value, most: number, context) =>
    wrong(typeof value === "number" && value > most, context, `is above ${most}`),
  minItems: (value, least: number, context) =>
    wrong(Array.isArray(value) && value.length < least, context, "has too few"),
  maxItems: (value, most: number, context) =>
    wrong(Array.isArray(value) && value.length > most, context, "has too many"),
  anyOf: (value, schemas: readonly JsonSchema[], context) => {
    const found = schemas.map((schema) => [...faults(value, schema, context)]);
    return found.some((one) => one.length === 0) ? [] : found.flat();
  },
  allOf: (value, schemas: readonly JsonSchema[], context) =>
    schemas.flatMap((schema) => [...faults(value, schema, context)]),
  required: function* (value, names: readonly string[], context) {
    if (!isMapping(value)) return;
    for (const name of names) yield* wrong(!(name in value), context, `has no member ${name}`);
  },
  properties: function* (value, properties: Readonly<Record<string, JsonSchema>>, context, schema) {
    if (!isMapping(value)) return;
    for (const [name, member] of Object.entries(value)) {
      const known = properties[name];
      const within = { ...context, at: `${context.at}.${name}` };
      if (known !== undefined) yield* faults(member, known, within);
      else yield* wrong(schema["additionalProperties"] === undefined, within, "is not described");
    }
  },
  additionalProperties: function* (value, others: JsonSchema | boolean, context, schema) {
    if (!isMapping(value)) return;
    const known = Object.keys(schema["properties"] ?? {});
    for (const [name, member] of Object.entries(value)) {
      if (known.includes(name)) continue;
      const within = { ...context, at: `${context.at}.${name}` };
      if (typeof others === "boolean") yield* wrong(!others, within, "is not allowed");
      else yield* faults(member, others, within);
    }
  },
  items: function* (value, items: JsonSchema, context) {
    if (!Array.isArray(value)) return;
    for (const [index, item] of value.entries()) {
      yield* faults(item, items, { ...context, at: `${context.at}.${index}` });
    }
  },
  prefixItems: function* (value, items: readonly JsonSchema[], context) {
    if (!Array.isArray(value)) return;
    for (const [index, schema] of items.entries()) {
      yield* faults(value[index], schema, { ...context, at: `${context.at}.${index}` });
    }
  },
};

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case "null":
      return value === null;
    case "array":
      return Array.isArray(value);
    case "object":
      return isMapping(value);
    case "integer":
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}
