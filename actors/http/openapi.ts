/** The OpenAPI 3.1 document of the API, made of the schemas that read its requests. */
import { type ConversionConfig, toJsonSchema, toJsonSchemaDefs } from "@valibot/to-json-schema";
import * as v from "valibot";
import type { Json } from "../../wire/fault.ts";
import * as answers from "../../wire/http.ts";
import { Manifest } from "../../wire/manifest.ts";
import { Plan } from "../../wire/plan.ts";
import { type Answer, type Body, json, type Route, route, type Schema } from "./route.ts";

/** Any object of the document. */
export type OpenApiObject = { readonly [member: string]: Json };

const OpenApi = v.looseObject({ openapi: v.string(), paths: v.record(v.string(), v.unknown()) });

/** The document is a route of what it describes, so it asks for the others when it is asked for. */
export function openApiRoutes(routes: () => readonly Route[]): readonly Route[] {
  return [
    route({
      method: "GET",
      path: "/openapi.json",
      role: "public",
      summary: "This document",
      answer: OpenApi,
      handle: ({ services }) => json(openApiOf(routes(), services.version)),
    }),
  ];
}

export function openApiOf(routes: readonly Route[], version: string) {
  const paths: Record<string, Record<string, Json>> = {};
  for (const one of routes) (paths[one.path] ??= {})[one.method.toLowerCase()] = operationOf(one);
  return {
    openapi: "3.1.0",
    info: { title: "kanade", version },
    components: {
      schemas: asJson(toJsonSchemaDefs(NAMED, CONVERSION)),
      securitySchemes: {
        token: { type: "http", scheme: "bearer" },
        session: {
          type: "apiKey",
          in: "cookie",
          name: "kanade_session",
          description: "Of POST /api/session; its name goes on with a mark of the server's secrets",
        },
      },
    },
    paths,
  };
}

/** Schemas that the document knows by their names; all others stand where they are used. */
const NAMED: Readonly<Record<string, Schema>> = {
  ...Object.fromEntries(Object.entries(answers).filter(([, one]) => one.kind === "schema")),
  Manifest,
  Plan,
};

/** Checks that no keyword can tell are told by the messages of those who break them. */
const CONVERSION: ConversionConfig = {
  typeMode: "input",
  target: "draft-2020-12",
  ignoreActions: ["check", "raw_check", "partial_check", "finite", "readonly", "max_bytes"],
  // Members that are not named may be there, too.
  overrideSchema: ({ valibotSchema, jsonSchema }) =>
    valibotSchema.type === "loose_object" ? { ...jsonSchema, additionalProperties: true } : null,
  overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
};

function operationOf(one: Route): Json {
  const { summary, role, params, query, body, yaml, idempotent, heeds, orNothing } = one;
  return {
    summary,
    ...(role === "public" ? { security: [] } : { security: [{ token: [] }, { session: [] }] }),
    "x-role": role,
    parameters: [
      ...parametersOf("path", params),
      ...parametersOf("query", query),
      ...(idempotent ? [IDEMPOTENCY_KEY] : []),
      ...Object.entries(heeds ?? {}).map(headerParameter),
    ],
    ...(body === undefined ? {} : { requestBody: requestBodyOf(body, yaml === true) }),
    responses: {
      [String(statusOf(one))]: answerOf(one),
      ...(orNothing === undefined ? {} : { 204: { description: orNothing } }),
      default: {
        description: "What went wrong",
        content: { "application/problem+json": { schema: schemaOf(answers.Problem) } },
      },
    },
  };
}

const IDEMPOTENCY_KEY: Json = {
  name: "Idempotency-Key",
  in: "header",
  description: "The same key with the same body is answered as it was the first time, for 7 days",
  schema: { type: "string", minLength: 1, maxLength: 255 },
};

function headerParameter([name, description]: readonly [string, string]): Json {
  return { name, in: "header", description, schema: { type: "string" } };
}

function parametersOf(place: "path" | "query", schema: Schema | undefined): readonly Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = toJsonSchema(schema, CONVERSION);
  return Object.entries(properties).map(([name, each]) => ({
    name,
    in: place,
    required: place === "path" || required.includes(name),
    schema: asJson(each),
  }));
}

function requestBodyOf(body: Body, yaml: boolean): Json {
  if (typeof body === "string") return { required: true, content: { [body]: {} } };
  const content = { schema: schemaOf(body) };
  return {
    required: body.type !== "optional",
    content: {
      "application/json": content,
      ...(yaml ? { "application/yaml": content } : {}),
    },
  };
}

function statusOf({ status, answer }: Route): number {
  return status ?? (answer === "nothing" ? 204 : 200);
}

function answerOf({ answer, answerHeaders = {} }: Route): Json {
  const headers = Object.entries(answerHeaders).map(([name, description]) =>
    [name, { description, schema: { type: "string" } }] as const
  );
  return {
    description: "What was asked for",
    ...(headers.length === 0 ? {} : { headers: Object.fromEntries(headers) }),
    ...contentOf(answer),
  };
}

function contentOf(answer: Answer): OpenApiObject {
  if (answer === "nothing") return {};
  if (typeof answer === "string") return { content: { [answer]: {} } };
  return { content: { "application/json": { schema: schemaOf(answer) } } };
}

function schemaOf(schema: Schema): Json {
  const { $defs: _defs, $schema: _dialect, ...rest } = toJsonSchema(schema, {
    ...CONVERSION,
    definitions: NAMED,
  });
  return asJson(rest);
}

/** The converter's types are wider than what it makes. */
function asJson(made: unknown): Json {
  return JSON.parse(JSON.stringify(made)) as Json;
}
