/** The system page in a real browser: every tree of the process, restarts as they happen, and what waits for whom. */
import assert from "node:assert/strict";
import process from "node:process";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { readCredentials } from "../../actors/credentials.ts";
import { startWhole, TOKEN } from "../harness/backend.ts";
import { startBrowser, type Visit, visit } from "../harness/browser.ts";
import { publishResult } from "../harness/fleet_messages.ts";
import { holdWriteLock } from "../harness/other_process.ts";
import { dataDirectory, startServing } from "../harness/start_process.ts";
import { eventually } from "../harness/wait.ts";
import { WatchedExecution } from "../harness/watched_execution.ts";

let browser: Browser;

before(async () => {
  browser = await startBrowser();
});

after(async () => {
  await browser.close();
});

/** The page, once it is told by the stream. */
async function openSystem(url: string, token: string): Promise<Visit> {
  const visitor = await visit(browser, `${url}/inspector#token=${token}`);
  await visitor.page.getByText("watching", { exact: true }).waitFor();
  return visitor;
}

/** The row of an actor. */
function rowOf(page: Page, tree: string, actor: string) {
  return page.getByRole("region", { name: `Actors of ${tree}` })
    .getByRole("row").filter({ has: page.getByRole("rowheader", { name: actor, exact: true }) });
}

/** The text of a column of an actor, as it is now. */
async function cellOf(page: Page, place: readonly [tree: string, actor: string], column: string) {
  const region = page.getByRole("region", { name: `Actors of ${place[0]}` });
  const headings = await region.getByRole("columnheader").allInnerTexts();
  const index = headings.findIndex((text) => text.toLowerCase() === column.toLowerCase());
  // The first column holds row headers, not cells.
  return (await rowOf(page, ...place).getByRole("cell").nth(index - 1).innerText()).trim();
}

function shows(
  page: Page,
  place: readonly [tree: string, actor: string],
  column: string,
  wanted: RegExp,
): Promise<unknown> {
  let last = "";
  return eventually(
    `${place.join(" ")}: ${column} ${wanted}`,
    async () => wanted.test(last = await cellOf(page, place, column)),
    30_000,
  ).catch((thrown: unknown) => {
    throw new Error(`it shows "${last}"`, { cause: thrown });
  });
}

test("every tree of npm start is shown, and a broker that dies is seen to be started again", async () => {
  await using directory = await dataDirectory();
  await using program = await startServing(directory);
  const { http_token: token } = await readCredentials(directory.path);
  await using visitor = await openSystem(program.url, token ?? "");
  const { page } = visitor;
  for (
    const [tree, actor] of [
      ["backend", "results projector"],
      ["broker", "broker"],
      ["agent host-1", "intake"],
      ["agent host-1", "publishing"],
    ] as const
  ) await rowOf(page, tree, actor).getByText("running", { exact: true }).waitFor();
  await shows(page, ["agent host-1", "connection"], "Per second", /^—$/);
  await shows(page, ["agent host-1", "publishing"], "Per second", /^[\d.…]+\s+messages$/);
  await shows(page, ["agent host-1", "slot limit"], "Waiting", /^0$/);

  assert.equal(await cellOf(page, ["broker", "broker"], "Restarts"), "0");
  process.kill(await directory.brokerPid(), "SIGKILL");
  await shows(page, ["broker", "broker"], "Restarts", /^[1-9]$/);
  await rowOf(page, "broker", "broker").getByText(/Cannot keep the broker running/).waitFor();
  await shows(page, ["broker", "broker"], "State", /^running/);
  await page.getByText("connected", { exact: true }).waitFor();
});

test("what waits in a stream, and in the outbox, stands beside the actor that it waits for", async () => {
  await using whole = await startWhole();
  const { backend, database } = whole;
  await using visitor = await openSystem(backend.url, TOKEN);
  const { page } = visitor;
  const projector = ["backend", "results projector"] as const;
  const publisher = ["backend", "outbox publisher"] as const;
  await shows(page, projector, "Waiting", /^0$/);
  await shows(page, publisher, "Waiting", /^0$/);

  const pcs = ["pc-1", "pc-2", "pc-3"];
  const execution = await WatchedExecution.dispatch(backend, pcs);
  const lock = await holdWriteLock(database.path);
  for (const pcId of pcs) await publishResult(backend.bus, execution.run(pcId));
  await shows(page, projector, "Waiting", /^3$/);
  await lock.release();
  await shows(page, projector, "Waiting", /^0$/);
  await shows(page, projector, "Per second", /^0\.\d\s+results$/);

  await whole.broker[Symbol.asyncDispose]();
  await database.db.write((tx) =>
    tx.query(
      `INSERT INTO command_outbox (kind, exec_id, subject, msg_id, payload) VALUES ('audit', NULL, 'audit.a.b', 'm', x'7B7D')`,
    )
  );
  await shows(page, publisher, "Waiting", /^[1-9]\d*$/);
});
