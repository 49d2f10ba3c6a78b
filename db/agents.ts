/** Every PC that was ever heard of, as its heartbeats left it. */
import { type Heartbeat, ONLINE_WITHIN_MS } from "../wire/heartbeat.ts";
import type { Bulk, Reader, Row, SqlValue, Statement } from "./client.ts";
import { numberOf, numberOrNull, textOf, textOrNull } from "./rows.ts";

/** A heartbeat as it is stored; what is left out or null keeps its stored value. */
export interface AgentBeat extends Partial<Omit<Heartbeat, "pc_id" | "at">> {
  readonly pcId: string;
  /** By the backend's clock, ms since the epoch. */
  readonly heardAt: number;
  /** By the agent's clock, ms since the epoch. */
  readonly reportedAt: number;
}

/** A row of `agents`. Instants in ms since the epoch. */
export interface Agent {
  readonly pcId: string;
  readonly hostname: string | null;
  readonly osFamily: string | null;
  readonly agentVersion: string | null;
  readonly firstHeardAt: number;
  readonly lastHeardAt: number;
  readonly reportedAt: number | null;
  readonly agentCpuPct: number | null;
  readonly agentRssBytes: number | null;
  readonly agentDiskReadBytes: number | null;
  readonly agentDiskWrittenBytes: number | null;
  readonly quarantinedVersions: readonly string[];
  readonly commandKeys: readonly string[];
  readonly shells: readonly string[];
  readonly stuckResults: number | null;
}

const FACTS = [
  "hostname",
  "os_family",
  "agent_version",
  "agent_cpu_pct",
  "agent_rss_bytes",
  "agent_disk_read_bytes",
  "agent_disk_written_bytes",
  "quarantined_versions",
  "command_keys",
  "shells",
  "stuck_results",
] as const;

const COLUMNS = `pc_id, first_heard_at, last_heard_at, reported_at, ${FACTS.join(", ")}`;

const UPSERT = `INSERT INTO agents (${COLUMNS}) VALUES (?1, ?2, ?2, ?3, ${
  FACTS.map((_, index) => `?${index + 4}`).join(", ")
})
  ON CONFLICT (pc_id) DO UPDATE SET last_heard_at = max(last_heard_at, excluded.last_heard_at),
    reported_at = excluded.reported_at, ${
  FACTS.map((column) => `${column} = coalesce(excluded.${column}, ${column})`).join(", ")
}`;

/** Stores heartbeats, in order; the first one of a PC makes its row. */
export function upsertAgents(beats: readonly AgentBeat[]): Bulk {
  return {
    sql: UPSERT,
    rows: beats.map((
      beat,
    ) => [beat.pcId, beat.heardAt, beat.reportedAt, ...FACTS.map((fact) => stored(beat[fact]))]),
  };
}

function stored(fact: string | number | readonly string[] | null | undefined): SqlValue {
  return typeof fact === "object" && fact !== null ? JSON.stringify(fact) : fact ?? null;
}

export interface AgentsQuery {
  /** The time by which a PC is judged to be online, ms since the epoch. */
  readonly now: number;
  readonly limit: number;
  readonly offset?: number | undefined;
  /** Part of `pc_id` or host name; the case of ASCII letters does not matter. */
  readonly q?: string | undefined;
  /** Of these PCs only. */
  readonly among?: readonly string[] | undefined;
  readonly status?: "online" | "offline" | undefined;
}

/** PCs that match `q` and `among`. */
export interface AgentCounts {
  readonly online: number;
  readonly offline: number;
}

export interface AgentList extends AgentCounts {
  readonly agents: readonly Agent[];
}

const MATCHES =
  `(instr(lower(pc_id), lower(?1)) > 0 OR instr(lower(coalesce(hostname, '')), lower(?1)) > 0)
    AND (?2 IS NULL OR pc_id IN (SELECT value FROM json_each(?2)))`;

/** By `pc_id`; the counts are of all that match `q` and `among`, whatever `status` and page. */
export async function listAgents(reader: Reader, query: AgentsQuery): Promise<AgentList> {
  const { now, limit, offset = 0, q = "", among, status } = query;
  const online = status === undefined ? null : Number(status === "online");
  const [rows, counts] = await Promise.all([
    reader.query(
      `SELECT ${COLUMNS} FROM agents WHERE ${MATCHES} AND (?3 IS NULL OR (last_heard_at >= ?4) = ?3)
        ORDER BY pc_id LIMIT ?5 OFFSET ?6`,
      [q, listed(among), online, now - ONLINE_WITHIN_MS, limit, offset],
    ),
    countAgents(reader, now, { q, among }),
  ]);
  return { agents: rows.map(agentFromRow), ...counts };
}

/** How many PCs were heard within two minutes of `now`, and how many not. */
export async function countAgents(
  reader: Reader,
  now: number,
  { q = "", among }: Pick<AgentsQuery, "q" | "among"> = {},
): Promise<AgentCounts> {
  const [row] = await reader.query(
    `SELECT count(*) AS known, count(*) FILTER (WHERE last_heard_at >= ?3) AS online FROM agents WHERE ${MATCHES}`,
    [q, listed(among), now - ONLINE_WITHIN_MS],
  );
  const online = row === undefined ? 0 : numberOf(row, "online");
  return { online, offline: (row === undefined ? 0 : numberOf(row, "known")) - online };
}

function listed(pcIds: readonly string[] | undefined): SqlValue {
  return pcIds === undefined ? null : JSON.stringify(pcIds);
}

/** A PC as its heartbeats told of it; undefined when it was never heard of. */
export async function findAgent(reader: Reader, pcId: string): Promise<Agent | undefined> {
  const [row] = await reader.query(`SELECT ${COLUMNS} FROM agents WHERE pc_id = ?`, [pcId]);
  return row === undefined ? undefined : agentFromRow(row);
}

/** Whom `all` reaches: every PC that is known, online or not (execution-semantics.md §1). */
export async function readAllPcIds(reader: Reader): Promise<readonly string[]> {
  // One text: ten thousand rows would take ten times as long.
  const [row] = await reader.query(
    "SELECT json_group_array(pc_id) AS found FROM (SELECT pc_id FROM agents ORDER BY pc_id)",
  );
  return row === undefined ? [] : JSON.parse(textOf(row, "found")) as string[];
}

/** Every PC that was heard within two minutes of `now`; asked so often that they come as one text, not as rows. */
export async function readOnlinePcIds(reader: Reader, now: number): Promise<readonly string[]> {
  const [row] = await reader.query(
    "SELECT json_group_array(pc_id) AS found FROM agents WHERE last_heard_at >= ?",
    [now - ONLINE_WITHIN_MS],
  );
  return row === undefined ? [] : JSON.parse(textOf(row, "found")) as string[];
}

/** Those of some PCs that do not announce a shell, at most `limit` of them; one that was never heard of does not. */
export async function readPcIdsWithoutShell(
  reader: Reader,
  { shell, pcIds, limit }: {
    readonly shell: string;
    readonly pcIds: readonly string[];
    readonly limit: number;
  },
): Promise<readonly string[]> {
  const rows = await reader.query(
    `SELECT asked.value AS pc_id FROM json_each(?) AS asked WHERE NOT EXISTS (
        SELECT 1 FROM agents AS a, json_each(a.shells) AS shell
        WHERE a.pc_id = asked.value AND shell.value = ?) LIMIT ?`,
    [JSON.stringify(pcIds), shell, limit],
  );
  return rows.map((row) => textOf(row, "pc_id"));
}

/** Those of these PCs that announce a key by which commands are signed. */
export async function readPcIdsWithCommandKey(
  reader: Reader,
  { keyId, pcIds }: { readonly keyId: string; readonly pcIds: readonly string[] },
): Promise<readonly string[]> {
  const rows = await reader.query(
    `SELECT asked.value AS pc_id FROM json_each(?) AS asked JOIN agents AS a ON a.pc_id = asked.value
      WHERE EXISTS (SELECT 1 FROM json_each(a.command_keys) AS one WHERE one.value = ?)`,
    [JSON.stringify(pcIds), keyId],
  );
  return rows.map((row) => textOf(row, "pc_id"));
}

/** Forgets a PC until it is heard again; its runs stay. */
export function deleteAgent(pcId: string): Statement {
  return { sql: "DELETE FROM agents WHERE pc_id = ?", args: [pcId] };
}

function agentFromRow(row: Row): Agent {
  return {
    pcId: textOf(row, "pc_id"),
    hostname: textOrNull(row, "hostname"),
    osFamily: textOrNull(row, "os_family"),
    agentVersion: textOrNull(row, "agent_version"),
    firstHeardAt: numberOf(row, "first_heard_at"),
    lastHeardAt: numberOf(row, "last_heard_at"),
    reportedAt: numberOrNull(row, "reported_at"),
    agentCpuPct: numberOrNull(row, "agent_cpu_pct"),
    agentRssBytes: numberOrNull(row, "agent_rss_bytes"),
    agentDiskReadBytes: numberOrNull(row, "agent_disk_read_bytes"),
    agentDiskWrittenBytes: numberOrNull(row, "agent_disk_written_bytes"),
    quarantinedVersions: listOf(row, "quarantined_versions"),
    commandKeys: listOf(row, "command_keys"),
    shells: listOf(row, "shells"),
    stuckResults: numberOrNull(row, "stuck_results"),
  };
}

function listOf(row: Row, column: string): readonly string[] {
  return JSON.parse(textOrNull(row, column) ?? "[]") as string[];
}
