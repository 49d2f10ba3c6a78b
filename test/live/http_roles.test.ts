import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { mayActAs, type Role, ROLES } from "../../actors/http/auth.ts";
import { ROUTES } from "../../actors/http/routes.ts";
import { bearer, jwt, startApi, type TestApi } from "../harness/http_api.ts";
import { nameOf, send } from "../harness/http_routes.ts";
import { ROLE_MATRIX } from "../harness/role_matrix.ts";

let api: TestApi;
before(async () => {
  api = await startApi();
});
after(() => api[Symbol.asyncDispose]());

const SIGNED_IN = ["viewer", "operator", "admin"] as const;

test("every route has a row in the role matrix, and every row a route", () => {
  assert.deepEqual(
    Object.keys(ROLE_MATRIX).toSorted(),
    ROUTES.map(nameOf).toSorted(),
    "a new route needs a row in test/harness/role_matrix.ts",
  );
});

for (const route of ROUTES) {
  const needed: Role | undefined = ROLE_MATRIX[nameOf(route)];

  test(`${nameOf(route)} is for ${needed}, and for every role above it`, async () => {
    assert.ok(needed !== undefined, "it needs a row in test/harness/role_matrix.ts");
    const nobody = await send(api, route, {});
    assert.equal(nobody.status === 401, needed !== "public", "nobody");
    for (const role of SIGNED_IN) {
      const { status, type } = await send(api, route, bearer(await jwt({ role })));
      const isRefused: boolean = !mayActAs(role, needed);
      assert.equal(status === 403, isRefused, `${role}: ${status}`);
      if (isRefused) assert.equal(type, "application/problem+json");
      else assert.notEqual(status, 401, role);
      assert.ok(status < 500 || status === 503 || status === 504, `${role}: ${status}`);
    }
  });
}

test("the roles are tried from the least to the greatest", () => {
  assert.deepEqual(ROLES, ["public", ...SIGNED_IN]);
});
