/** What stands around the pages: signing in, files, policy, and what happens when there is nothing to serve. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { SignJWT } from "jose";
import type { Browser } from "playwright-core";
import type { Announcer } from "../../actors/announcer.ts";
import { dashboardLink } from "../../actors/http/server.ts";
import { WebBundle } from "../../actors/http/web_bundle.ts";
import type { Announcement } from "../../wire/announcement.ts";
import { startBrowser, visit } from "../harness/browser.ts";
import { JWT_SECRET, startApi, type TestApi, TOKEN } from "../harness/http_api.ts";
import { testLog } from "../harness/log.ts";
import { executionRow, NOON, runRow, settled, targetRow } from "../harness/seed.ts";

const EVIL = `<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>`;

let api: TestApi;
let browser: Browser;

before(async () => {
  api = await startApi();
  browser = await startBrowser();
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

test("the link signs in, and the token leaves the address and cannot be read by a script", async () => {
  await using visitor = await visit(browser, dashboardLink(api.url, TOKEN));
  const { page, complaints } = visitor;
  await page.getByRole("link", { name: EVIL }).waitFor();
  assert.equal(page.url(), `${api.url}/`);
  assert.equal(await page.evaluate("document.cookie"), "");
  assert.deepEqual(complaints, []);
  await page.reload();
  await page.getByRole("link", { name: EVIL }).waitFor();
});

test("without a token the page asks for one, refuses a wrong one and takes the right one", async () => {
  await using visitor = await visit(browser, api.url);
  const { page } = visitor;
  await page.getByLabel("Token").fill("guess");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("the token is not valid").waitFor();
  await page.getByLabel("Token").fill(TOKEN);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("link", { name: EVIL }).waitFor();
});

test("what is shown changes by itself when something is committed", async () => {
  await using visitor = await visit(browser, dashboardLink(api.url, TOKEN));
  const { page } = visitor;
  await page.getByText("live", { exact: true }).waitFor();
  await api.write(executionRow("brand-new", { job_id: "fresh" }));
  (api.services.announcements as Announcer).announce({
    type: "transition",
    exec_id: "brand-new",
    from: null,
    to: "pending",
    event: "DISPATCHED",
    at: new Date(0).toISOString(),
    result_id: null,
  });
  await page.getByRole("link", { name: "fresh" }).waitFor();
});

test("an event of a newer server, which the page cannot read, makes it load again what it shows", async () => {
  await using visitor = await visit(browser, dashboardLink(api.url, TOKEN));
  const { page, complaints } = visitor;
  await page.getByText("live", { exact: true }).waitFor();
  await api.write(executionRow("of-tomorrow", { job_id: "tomorrow" }));
  const newer: unknown = { type: "transition", execution: "of-tomorrow" };
  (api.services.announcements as Announcer).announce(newer as Announcement);
  await page.getByRole("link", { name: "tomorrow" }).waitFor();
  assert.deepEqual(complaints, []);
});

test("what was missed while a list was on its way is loaded after it", async () => {
  await using visitor = await visit(browser, dashboardLink(api.url, TOKEN));
  const { page } = visitor;
  await page.getByText("live", { exact: true }).waitFor();
  await page.route("**/api/executions?*limit=50", async (route) => {
    const response = await route.fetch();
    await api.write(executionRow("overtaken", { job_id: "overtaken" }));
    const isMissed = page.waitForResponse("**/api/health/fleet");
    const newer: unknown = { type: "transition", execution: "overtaken" };
    (api.services.announcements as Announcer).announce(newer as Announcement);
    await isMissed;
    await route.fulfill({ response });
  }, { times: 1 });
  await page.goto(`${api.url}/#/executions`);
  await page.getByRole("link", { name: "overtaken" }).waitFor();
});

test("the next page of a list can be asked for while the list is loaded again", async () => {
  await api.write(
    ...Array.from({ length: 60 }, (_, at) =>
      executionRow(`more-${at}`, {
        job_id: "more",
        version: String(at),
        initiated_at: NOON - 10_000 - at,
      })),
  );
  await using visitor = await visit(browser, dashboardLink(api.url, TOKEN));
  const { page } = visitor;
  await page.getByText("live", { exact: true }).waitFor();
  await page.goto(`${api.url}/#/executions?job=more`);
  await page.getByRole("link", { name: "more 3", exact: true }).waitFor();
  let goOn = () => {};
  const held = new Promise<void>((resolve) => goOn = resolve);
  const isAsked = page.waitForRequest("**/api/executions?*limit=50");
  await page.route("**/api/executions?*limit=50", async (route) => {
    await held;
    await route.continue();
  }, { times: 1 });
  (api.services.announcements as Announcer).announce({
    type: "transition",
    exec_id: "more-0",
    from: null,
    to: "pending",
    event: "DISPATCHED",
    at: new Date(0).toISOString(),
    result_id: null,
  });
  await isAsked;
  await page.getByRole("button", { name: "Show more" }).click();
  await page.getByRole("link", { name: "more 57", exact: true }).waitFor();
  goOn();
});

test("what a script printed and what a job is called is text, whatever it looks like", async () => {
  await using visitor = await visit(browser, dashboardLink(api.url, TOKEN));
  const { page, complaints } = visitor;
  await page.getByRole("link", { name: EVIL }).click();
  await page.getByRole("link", { name: /^pc-1/ }).click();
  await page.getByRole("heading", { name: "pc-1" }).waitFor();
  await page.getByText(EVIL).waitFor();
  assert.equal(await page.locator("[data-stream=stdout]").textContent(), EVIL);
  assert.equal(await page.locator("[data-stream=stderr]").textContent(), "a␀b");
  assert.notEqual(await page.title(), "owned");
  assert.deepEqual(complaints, []);
});

test("the pages load nothing from elsewhere", async () => {
  await using visitor = await visit(browser, "about:blank");
  const { page } = visitor;
  const origins = new Set<string>();
  page.on("request", (request) => origins.add(new URL(request.url()).origin));
  await page.goto(dashboardLink(api.url, TOKEN));
  await page.getByRole("link", { name: EVIL }).waitFor();
  await page.goto(`${api.url}/inspector`);
  await page.getByRole("heading", { level: 1 }).waitFor();
  assert.deepEqual([...origins], [api.url]);
});

test("files of the pages are compressed and never asked for twice", async () => {
  const html = await (await fetch(`${api.url}/`)).text();
  const [, script = ""] = /<script type="module" src="([^"]+)">/.exec(html) ?? [];
  for (const encoding of ["br", "gzip"]) {
    const response = await fetch(api.url + script, { headers: { "accept-encoding": encoding } });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-encoding"), encoding);
    assert.equal(response.headers.get("cache-control"), "public, max-age=31536000, immutable");
    assert.match(response.headers.get("content-type") ?? "", /^text\/javascript/);
    assert.match(await response.text(), /import|export|const/);
  }
  const plain = await fetch(api.url + script, { headers: { "accept-encoding": "br;q=0, *;q=0" } });
  assert.equal(plain.headers.get("content-encoding"), null);
  assert.equal((await fetch(`${api.url}/assets/none.js`)).status, 404);
});

test("the policy of the pages allows neither inline nor evaluated code", async () => {
  const policy = (await fetch(`${api.url}/`)).headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*|https?:|data:/);
});

test("sources that cannot be bundled make a page that says so, and the next load tries again", async () => {
  const folder = await mkdtemp(join(tmpdir(), "kanade-web-"));
  try {
    const { log } = testLog();
    const broken = new WebBundle(log, pathToFileURL(`${folder}/`));
    await assert.rejects(broken.get(), /dashboard\/main\.tsx/);
    await using other = await startApi();
    Object.assign(other.services, { web: broken });
    const response = await fetch(`${other.url}/`);
    assert.equal(response.status, 503);
    assert.match(await response.text(), /The dashboard cannot be shown[\s\S]*dashboard\/main\.tsx/);
    await writeFile(join(folder, "icon.svg"), "<svg/>");
    for (const name of ["dashboard", "inspector"]) await writeEntry(join(folder, name));
    assert.equal((await fetch(`${other.url}/`)).status, 200);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

async function writeEntry(folder: string): Promise<void> {
  await mkdir(folder);
  await writeFile(join(folder, "main.tsx"), "console.log('here');");
}

test("a session tells who it is of, and ends when it is given back", async () => {
  const token = await new SignJWT({ role: "viewer" }).setProtectedHeader({ alg: "HS256" })
    .setSubject("vera").setAudience("kanade").sign(new TextEncoder().encode(JWT_SECRET));
  const me = await api.ask("/api/session", { headers: { authorization: `Bearer ${token}` } });
  assert.deepEqual(await me.json(), { name: "vera", role: "viewer", expires_at: null });
  assert.equal((await fetch(`${api.url}/api/session`)).status, 401);
  const end = await api.ask("/api/session", { method: "DELETE" });
  assert.match(
    end.headers.get("set-cookie") ?? "",
    /=; Path=\/; HttpOnly; SameSite=Strict; Max-Age=0/,
  );
});
