import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type AgentBeat,
  countAgents,
  deleteAgent,
  findAgent,
  listAgents,
  readAllPcIds,
  upsertAgents,
} from "../../db/agents.ts";
import type { Database } from "../../db/client.ts";
import { startDatabase } from "../harness/database.ts";

const beat = (pcId: string, heardAt: number, facts: Partial<AgentBeat> = {}): AgentBeat => ({
  pcId,
  heardAt,
  reportedAt: heardAt - 1,
  ...facts,
});

async function hear(db: Database, ...beats: AgentBeat[]): Promise<void> {
  await db.write((tx) => tx.batch([upsertAgents(beats)]));
}

test("what a heartbeat leaves out keeps its stored value, and the first time it was heard stays", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const facts = {
    hostname: "host",
    os_family: "linux",
    agent_version: "1",
    agent_cpu_pct: 1.5,
    agent_rss_bytes: 2,
    agent_disk_read_bytes: 3,
    agent_disk_written_bytes: 2 ** 53 - 1,
    quarantined_versions: ["0.9"],
    command_keys: ["k1", "k2"],
    shells: ["sh"],
    stuck_results: 4,
  };
  await hear(db, beat("pc1", 100, facts));
  await hear(
    db,
    beat("pc1", 200, { agent_version: "2", hostname: null, agent_cpu_pct: 3 }),
    beat("pc1", 300, { quarantined_versions: [], stuck_results: 0 }),
  );
  assert.deepEqual(await findAgent(db, "pc1"), {
    pcId: "pc1",
    hostname: "host",
    osFamily: "linux",
    agentVersion: "2",
    firstHeardAt: 100,
    lastHeardAt: 300,
    reportedAt: 299,
    agentCpuPct: 3,
    agentRssBytes: 2,
    agentDiskReadBytes: 3,
    agentDiskWrittenBytes: 2 ** 53 - 1,
    quarantinedVersions: [],
    commandKeys: ["k1", "k2"],
    shells: ["sh"],
    stuckResults: 0,
  });
});

test("a PC of which little is known has empty lists and nulls", async () => {
  await using database = await startDatabase();
  await hear(database.db, beat("pc1", 100));
  const agent = await findAgent(database.db, "pc1");
  assert.deepEqual([agent?.hostname, agent?.shells, agent?.stuckResults], [null, [], null]);
  assert.equal(await findAgent(database.db, "pc2"), undefined);
});

test("online is heard within two minutes, and the counts are of all that match, whatever the page", async () => {
  await using database = await startDatabase();
  const { db } = database;
  const now = 1_000_000;
  await hear(
    db,
    beat("pc1", now - 120_000, { hostname: "Alpha" }),
    beat("pc2", now - 120_001, { hostname: "alphabet" }),
    beat("ALP", now),
    beat("pc3", now),
  );
  const list = async (
    query: { q?: string; status?: "online" | "offline"; limit?: number; offset?: number },
  ) => {
    const { agents, online, offline } = await listAgents(db, { now, limit: 10, ...query });
    return [agents.map(({ pcId }) => pcId).join(" "), online, offline];
  };
  assert.deepEqual(await list({}), ["ALP pc1 pc2 pc3", 3, 1]);
  assert.deepEqual(await list({ status: "online" }), ["ALP pc1 pc3", 3, 1]);
  assert.deepEqual(await list({ status: "offline" }), ["pc2", 3, 1]);
  assert.deepEqual(await list({ q: "alp" }), ["ALP pc1 pc2", 2, 1]);
  assert.deepEqual(await list({ q: "alp", status: "online", limit: 1, offset: 1 }), ["pc1", 2, 1]);
  assert.deepEqual(await list({ q: "%" }), ["", 0, 0]);
  assert.deepEqual(await countAgents(db, now), { online: 3, offline: 1 });
});

test("a deleted PC is forgotten until it is heard again", async () => {
  await using database = await startDatabase();
  const { db } = database;
  await hear(db, beat("pc2", 1), beat("pc1", 1));
  assert.deepEqual(await readAllPcIds(db), ["pc1", "pc2"]);
  const [deleted, again] = await db.write((tx) =>
    tx.batch([deleteAgent("pc1"), deleteAgent("pc1")])
  );
  assert.deepEqual([deleted?.changes, again?.changes], [1, 0]);
  assert.deepEqual(await readAllPcIds(db), ["pc2"]);
  await hear(db, beat("pc1", 5));
  assert.equal((await findAgent(db, "pc1"))?.firstHeardAt, 5);
});
