import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openApiOf } from "../../actors/http/openapi.ts";
import { type Route, route } from "../../actors/http/route.ts";
import { ROUTES } from "../../actors/http/routes.ts";
import { startApi, type TestApi } from "../harness/http_api.ts";

interface Operation {
  readonly summary: string;
  readonly "x-role": string;
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, unknown>> }>
  >;
}

interface Document {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

let api: TestApi;
let document: Document;
before(async () => {
  api = await startApi();
  document = await (await fetch(`${api.url}/openapi.json`)).json() as Document;
});
after(() => api[Symbol.asyncDispose]());

const nameOf = ({ method, path }: Route) => `${method} ${path}`;
const operationOf = ({ method, path }: Route) => document.paths[path]?.[method.toLowerCase()];

test("the document is of OpenAPI 3.1 and of this version", () => {
  assert.equal(document.openapi, "3.1.0");
  assert.equal(document.info.version, "1.2.3");
});

test("the document describes the routes that there are, and no other", () => {
  const described = Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`)
  );
  assert.deepEqual(described.toSorted(), ROUTES.map(nameOf).toSorted());
});

for (const one of ROUTES) {
  test(`${nameOf(one)} is described with its role, parameters, body and answer`, () => {
    const operation = operationOf(one);
    assert.ok(operation);
    assert.equal(operation["x-role"], one.role);
    const inPath = operation.parameters.filter((each) => each.in === "path");
    assert.deepEqual(
      inPath.map(({ name, required }) => ({ name, required })),
      Array.from(one.path.matchAll(/\{(\w+)\}/g), ([, name]) => ({ name, required: true })),
    );
    assert.equal(operation.requestBody !== undefined, one.body !== undefined);
    const [status, ...others] = Object.keys(operation.responses);
    assert.match(status ?? "", /^20[0124]$/);
    assert.deepEqual(others, one.orNothing === undefined ? ["default"] : ["204", "default"]);
    assert.equal(operation.responses[status ?? ""]?.content === undefined, status === "204");
  });
}

test("every reference of the document leads to a schema that is in it", () => {
  const names = Array.from(
    JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g),
    ([, reference]) => reference,
  );
  assert.ok(names.length > 0);
  for (const name of names) {
    const [, found] = /^#\/components\/schemas\/(\w+)$/.exec(name ?? "") ?? [];
    assert.ok(found !== undefined && document.components.schemas[found], name);
  }
});

test("a query with a limit is described as what is accepted", () => {
  const limit = document.paths["/api/executions"]?.["get"]?.parameters.find(
    ({ name }) => name === "limit",
  );
  assert.deepEqual(limit, {
    name: "limit",
    in: "query",
    required: false,
    schema: { type: "string", pattern: "^\\d{1,9}$", default: "50" },
  });
});

test("a schema that cannot be described is a fault of the route, not left out", async () => {
  const { instance } = await import("valibot");
  const unknown = route({
    method: "GET",
    path: "/x",
    role: "viewer",
    summary: "x",
    answer: instance(Date),
    handle: () => new Response(),
  });
  assert.throws(() => openApiOf([unknown], "1"), /cannot be converted/);
});
