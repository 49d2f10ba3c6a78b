/** Settings in a browser: who one is, how the page looks, what is well, and what always holds. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { executionRow } from "../harness/seed.ts";
import { startWebWorld, type WebWorld } from "../harness/web_world.ts";

let world: WebWorld;
before(async () => {
  world = await startWebWorld();
});
after(() => world[Symbol.asyncDispose]());

test("the colours that one chooses are there at once, and after the page was loaded again", async () => {
  await using visitor = await world.open("#/settings", { colorScheme: "light" });
  const { page, complaints } = visitor;
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await background();
  await page.getByRole("button", { name: "Dark" }).click();
  const dark = await background();
  assert.notEqual(dark, light);
  await page.reload();
  await page.getByRole("button", { name: "Dark", pressed: true }).waitFor();
  assert.equal(await background(), dark);
  await page.getByRole("button", { name: "As the system" }).click();
  assert.equal(await background(), light);
  assert.deepEqual(complaints, []);
});

test("books that are wrong are named with an example, when they are counted again", async () => {
  await using visitor = await world.open("#/settings");
  const { page } = visitor;
  const books = page.getByRole("region", { name: "What always holds" });
  await books.getByRole("listitem").first().waitFor();
  assert.equal(await books.getByText("not ok").count(), 0);
  await world.api.write(executionRow("cooked", { succeeded: 3, target_count: 3 }));
  await books.getByRole("button", { name: "Count again" }).click();
  await books.getByRole("listitem").filter({ hasText: "not ok" }).filter({ hasText: "cooked" })
    .first().waitFor();
});

test("whoever signs out is asked for a token, and cannot go back", async () => {
  await using visitor = await world.open("#/settings");
  const { page } = visitor;
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("Token").waitFor();
  await page.reload();
  await page.getByLabel("Token").waitFor();
});

test("a viewer sees the health of every part, and changes nothing but its own page", async () => {
  await using visitor = await world.openAsViewer("#/settings");
  const { page } = visitor;
  const health = page.getByRole("region", { name: "Health" });
  await health.getByRole("listitem").filter({ hasText: "streams" }).getByText("ok", { exact: true })
    .waitFor();
  const names = await page.getByRole("main").getByRole("button").allTextContents();
  assert.deepEqual(names, ["Sign out", "As the system", "Light", "Dark", "Count again"]);
});
