import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Browser, chromium, type Page } from "playwright-core";
import type { Announcer } from "../../actors/announcer.ts";
import { dashboardLink } from "../../actors/http/server.ts";
import { startApi, type TestApi, TOKEN } from "../harness/http_api.ts";
import { executionRow, runRow, settled, targetRow } from "../harness/seed.ts";

const CHROMIUM = process.env["KANADE_CHROMIUM"] ?? "/usr/bin/chromium";
const EVIL = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;

let api: TestApi;
let browser: Browser;

before(async () => {
  api = await startApi();
  browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
  await api.write(
    executionRow("exec-shown", { target_count: 3, succeeded: 1, missing_targets: 1, job_id: EVIL }),
    ...settled("shown-ok", { stdout: EVIL, stderr: "a\0b" }, { exec_id: "exec-shown" }),
    runRow("shown-open", { exec_id: "exec-shown", pc_id: "pc-2" }),
    targetRow("exec-shown", "pc-3", { state: "missing", reason: "silent" }),
  );
});

after(async () => {
  await browser.close();
  await api[Symbol.asyncDispose]();
});

/** A page of a browser of its own, and everything that it complained about. */
async function openPage(link: string): Promise<{ page: Page; complaints: string[] }> {
  const context = await browser.newContext();
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  await page.goto(link);
  return { page, complaints };
}

test("the link signs in, and the token leaves the address and cannot be read by a script", async () => {
  const { page, complaints } = await openPage(dashboardLink(api.url, TOKEN));
  await page.getByRole("link", { name: "exec-sho" }).waitFor();
  assert.equal(page.url(), `${api.url}/`);
  assert.equal(await page.evaluate("document.cookie"), "");
  assert.deepEqual(complaints, []);
  await page.reload();
  await page.getByRole("link", { name: "exec-sho" }).waitFor();
});

test("without a token the page asks for one, refuses a wrong one and takes the right one", async () => {
  const { page } = await openPage(api.url);
  await page.getByLabel("Token").fill("guess");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("the token is not valid").waitFor();
  await page.getByLabel("Token").fill(TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: "exec-sho" }).waitFor();
});

test("the list changes by itself when something is committed", async () => {
  const { page } = await openPage(dashboardLink(api.url, TOKEN));
  await page.getByText("live", { exact: true }).waitFor();
  await api.write(executionRow("brand-new", { job_id: "fresh" }));
  (api.services.announcements as Announcer).announce({ type: "agent", pc_id: "pc-1" });
  await page.getByRole("link", { name: "brand-ne" }).waitFor();
});

test("an execution shows each PC, and a run its output as text", async () => {
  const { page, complaints } = await openPage(dashboardLink(api.url, TOKEN));
  await page.getByRole("link", { name: "exec-sho" }).click();
  await page.getByRole("button", { name: "pc-3" }).waitFor();
  assert.equal(
    await page.getByRole("button", { name: "pc-3" }).getAttribute("title"),
    "missing: silent",
  );
  await page.getByRole("button", { name: "pc-1" }).click();
  await page.getByRole("heading", { name: "pc-1: succeeded, exit 0" }).waitFor();
  assert.equal(await page.locator("#run-stdout").textContent(), EVIL);
  assert.equal(await page.locator("#run-stderr").textContent(), "a\0b");
  assert.notEqual(await page.title(), "owned");
  await page.getByRole("button", { name: "pc-2" }).click();
  await page.getByRole("heading", { name: "pc-2: running", exact: true }).waitFor();
  assert.deepEqual(complaints, []);
});

test("the page loads nothing from elsewhere", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const origins = new Set<string>();
  page.on("request", (request) => origins.add(new URL(request.url()).origin));
  await page.goto(dashboardLink(api.url, TOKEN));
  await page.getByRole("link", { name: "exec-sho" }).waitFor();
  assert.deepEqual([...origins], [api.url]);
});
