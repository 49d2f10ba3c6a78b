/** The list of a large fleet in a browser: all of it, found by name, state and group, without a slow picture. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { dashboardLink } from "../../actors/http/server.ts";
import { startBrowser, type Visit, visit } from "../harness/browser.ts";
import { best, LONGEST_FRAME_MS, longestFrame, wheel } from "../harness/frames.ts";
import { startApi, type TestApi, TOKEN } from "../harness/http_api.ts";
import { agentRow } from "../harness/seed.ts";
import { eventually } from "../harness/wait.ts";

const MANY = 10_000;
const ONLINE = 9_000;

let api: TestApi;
let browser: Browser;

before(async () => {
  api = await startApi();
  browser = await startBrowser();
  const now = Date.now();
  await api.write(
    ...Array.from({ length: MANY }, (_, index) =>
      agentRow(pcOf(index), {
        // Far enough ahead to be online for as long as these tests may take.
        last_heard_at: index < ONLINE ? now + 600_000 : now - 600_000,
        agent_version: "1.2.3",
      })),
  );
  const body = JSON.stringify({ groups: ["kiosk"] });
  for (const index of [3, 9_998]) {
    await api.ask(`/api/agents/${pcOf(index)}/groups`, { method: "PUT", body });
  }
});

after(async () => {
  await browser.close();
  await api[Symbol.asyncDispose]();
});

const pcOf = (index: number) => `pc-${String(index).padStart(5, "0")}`;
const table = (page: Page) => page.getByRole("region", { name: "Agents as rows" });
const link = (page: Page, index: number) => table(page).getByRole("link", { name: pcOf(index) });

async function open(place: string): Promise<Visit> {
  const visitor = await visit(browser, dashboardLink(api.url, TOKEN));
  await visitor.page.getByText("live", { exact: true }).waitFor({ state: "attached" });
  await visitor.page.goto(`${api.url}/${place}`);
  await visitor.page.getByRole("heading", { level: 1 }).waitFor();
  return visitor;
}

test("the list holds the whole fleet, and loads the part of it that is looked at", async () => {
  await using visitor = await open("#/agents");
  const { page, complaints } = visitor;
  const asked: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  await link(page, 0).waitFor();
  await page.getByRole("button", { name: "All 10,000" }).waitFor();
  assert.equal(await table(page).getByRole("table").getAttribute("aria-rowcount"), "10001");
  await table(page).evaluate((element) => element.scrollTop = element.scrollHeight);
  await link(page, MANY - 1).waitFor();
  assert.ok(await table(page).getByRole("row").count() < 120, "only rows in view are there");
  const offsets = asked.flatMap((url) => new URL(url).searchParams.get("offset") ?? []);
  assert.ok(offsets.length < 20, `asked for ${offsets.join(", ")}`);
  await table(page).evaluate((element) => element.scrollTop = element.scrollHeight / 2);
  await link(page, MANY / 2).waitFor();
  await link(page, MANY / 2).click();
  await page.getByRole("heading", { level: 1, name: pcOf(MANY / 2) }).waitFor();
  assert.deepEqual(complaints, []);
});

test("PCs are found by a part of their name, by state and by group, and the address says which", async () => {
  await using visitor = await open("#/agents");
  const { page } = visitor;
  await page.getByLabel("Find a PC").fill("0999");
  await link(page, 9_990).waitFor();
  await page.getByRole("button", { name: "Offline 10" }).click();
  await link(page, 999).waitFor({ state: "detached" });
  await eventually(
    "the ten that are away",
    async () => await table(page).getByRole("link").count() === 10,
  );
  await page.getByLabel("Group").selectOption("kiosk");
  await link(page, 9_990).waitFor({ state: "detached" });
  await link(page, 9_998).waitFor();
  assert.equal(await table(page).getByRole("link").count(), 1);
  await page.getByRole("button", { name: "Online 0" }).click();
  await page.getByText("No PC is like that").waitFor();
  await page.getByLabel("Find a PC").fill("");
  await link(page, 3).waitFor();
  assert.match(page.url(), /status=online&group=kiosk$/);
  await page.reload();
  await link(page, 3).waitFor();
});

test("a list of 10,000 agents scrolls without a picture that takes 100 ms", async (t) => {
  const longest = await best(async () => {
    await using visitor = await open("#/agents");
    const { page } = visitor;
    await link(page, 0).waitFor();
    await table(page).hover();
    return await longestFrame(page, () => wheel(page, 60));
  }, LONGEST_FRAME_MS);
  t.diagnostic(`the longest frame took ${Math.round(longest)} ms`);
  assert.ok(longest < LONGEST_FRAME_MS, `${longest} ms`);
});
