import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { dashboardLink } from "../../actors/http/server.ts";
import { type Agent, createAgent, type JobHandler, type JobHandlers } from "../../agent/agent.ts";
import { startBrowser, type Visit, visit } from "./browser.ts";
import { jwt, startApi, type TestApi, TOKEN } from "./http_api.ts";
import { eventually } from "./wait.ts";

/** A job that ends when it is killed. */
export const hangs: JobHandler = (_command, { signal }) =>
  new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true })
  );

/** A backend whose actors run, agents, and a browser: what a person has. */
export interface WebWorld extends AsyncDisposable {
  readonly api: TestApi;
  readonly browser: Browser;
  /** A directory for the files of scripts. */
  readonly directory: string;
  /** Starts agents; ends when the backend has heard of each. */
  startAgents(pcIds: readonly string[], handlers?: JobHandlers): Promise<void>;
  /** Opens a place of the dashboard, signed in. */
  open(place?: string, options?: Parameters<typeof visit>[2]): Promise<Visit>;
  /** Opens a place as somebody who may look and change nothing. */
  openAsViewer(place: string): Promise<Visit>;
}

export async function startWebWorld(): Promise<WebWorld> {
  const directory = await mkdtemp(join(tmpdir(), "kanade-web-"));
  const api = await startApi({ actors: true });
  const browser = await startBrowser();
  const agents: Agent[] = [];
  return {
    api,
    browser,
    directory,
    async startAgents(pcIds, handlers) {
      const started = pcIds.map((pcId) =>
        createAgent({
          pcId,
          servers: [api.broker.url],
          dataDir: join(directory, "agents", pcId),
          stopGraceMs: 0,
          ...(handlers === undefined ? {} : { handlers }),
        })
      );
      agents.push(...started);
      await Promise.all(started.map((agent) => agent.start()));
      await eventually("the agents' rows", async () => {
        const [row] = await api.db.query(
          "SELECT count(*) AS heard FROM agents WHERE pc_id IN (SELECT value FROM json_each(?))",
          [JSON.stringify(pcIds)],
        );
        return Number(row?.["heard"]) === pcIds.length;
      }, 30_000);
    },
    async open(place = "", options = {}) {
      const visitor = await visit(browser, dashboardLink(api.url, TOKEN), options);
      await visitor.page.getByText("live", { exact: true }).waitFor({ state: "attached" });
      if (place !== "") await visitor.page.goto(`${api.url}/${place}`);
      return visitor;
    },
    async openAsViewer(place) {
      const token = await jwt({ role: "viewer" });
      const visitor = await visit(browser, `${api.url}/#token=${token}`);
      await visitor.page.getByText("ann, viewer").waitFor({ state: "attached" });
      await visitor.page.goto(`${api.url}/${place}`);
      await visitor.page.getByRole("heading", { level: 1 }).waitFor();
      return visitor;
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
      await Promise.all(agents.map((agent) => agent.stop()));
      await api[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
