-- Instants are integers: milliseconds since the epoch, UTC. Output is BLOB: a text value is read back cut at its first NUL.

CREATE TABLE executions (
  exec_id TEXT PRIMARY KEY,
  request_id TEXT NOT NULL,
  job_id TEXT,
  version TEXT,
  initiated_by TEXT,
  initiated_at INTEGER NOT NULL,
  -- 0: rows of a foreign dispatcher, whose target list we do not know
  targets_listed INTEGER NOT NULL CHECK (targets_listed IN (0, 1)),
  target_count INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('pending', 'running', 'completed', 'expired')),
  -- targets by state; waiting = target_count - these
  settled_targets INTEGER NOT NULL DEFAULT 0,
  expired_targets INTEGER NOT NULL DEFAULT 0,
  missing_targets INTEGER NOT NULL DEFAULT 0,
  -- of missing_targets, those that no row of execution_targets stands for (only where targets_listed = 0)
  unlisted_missing INTEGER NOT NULL DEFAULT 0,
  -- runs by outcome
  succeeded INTEGER NOT NULL DEFAULT 0,
  failed INTEGER NOT NULL DEFAULT 0,
  skipped INTEGER NOT NULL DEFAULT 0,
  expired_runs INTEGER NOT NULL DEFAULT 0,
  rev INTEGER NOT NULL DEFAULT 0,
  -- of the command as sent, retries included; null = not known
  timeout_secs INTEGER,
  -- the command's own deadline_at
  start_by INTEGER,
  -- when waiting targets without a run become missing; null while a wave is unsent
  deadline_at INTEGER,
  deadline_passed_at INTEGER,
  killed_at INTEGER,
  killed_by TEXT,
  ended_at INTEGER,
  -- the exact bytes of the Command, the same on every subject; null = not dispatched by us
  command BLOB
) STRICT;
CREATE INDEX executions_by_initiated_at ON executions (initiated_at DESC, exec_id);
CREATE INDEX executions_by_job_id ON executions (job_id, initiated_at DESC, exec_id);
CREATE INDEX executions_open ON executions (initiated_at DESC, exec_id) WHERE status IN ('pending', 'running');
CREATE INDEX executions_by_request_id ON executions (request_id);
CREATE INDEX executions_due ON executions (deadline_at) WHERE deadline_passed_at IS NULL AND deadline_at IS NOT NULL;

CREATE TABLE execution_targets (
  exec_id TEXT NOT NULL,
  pc_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'settled', 'expired', 'missing')),
  -- why it is missing: silent, superseded, not_sent, killed
  reason TEXT CHECK (reason IN ('silent', 'superseded', 'not_sent', 'killed')),
  -- the command subject that reaches this PC
  subject TEXT,
  PRIMARY KEY (exec_id, pc_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE execution_results (
  result_id TEXT PRIMARY KEY,
  exec_id TEXT,
  parent_result_id TEXT,
  request_id TEXT NOT NULL,
  pc_id TEXT NOT NULL,
  job_id TEXT,
  version TEXT,
  -- null = in flight
  outcome TEXT CHECK (outcome IN ('succeeded', 'failed', 'skipped', 'expired')),
  outcome_reason TEXT,
  -- null while in flight
  exit_code INTEGER,
  finished_at INTEGER,
  -- by the agent's clock
  started_at INTEGER NOT NULL,
  -- publish time of the run's first stream message, by the broker's clock
  recorded_at INTEGER NOT NULL,
  -- null = no timeout known; the sweep then uses recorded_at + 24 h
  expires_at INTEGER,
  -- 1 = the real result came after the run was reaped
  late INTEGER NOT NULL DEFAULT 0,
  stdout_bytes INTEGER NOT NULL DEFAULT 0,
  stderr_bytes INTEGER NOT NULL DEFAULT 0,
  -- first 200 characters, UTF-8
  stdout_preview BLOB,
  stderr_preview BLOB,
  -- 1 = the agent cut the output
  stdout_truncated INTEGER NOT NULL DEFAULT 0,
  stderr_truncated INTEGER NOT NULL DEFAULT 0,
  -- 1 = the output's object was gone when it was fetched
  output_unavailable INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX execution_results_by_exec ON execution_results (exec_id, pc_id);
CREATE INDEX execution_results_by_started_at ON execution_results (started_at DESC, result_id);
CREATE INDEX execution_results_in_flight ON execution_results (coalesce(expires_at, recorded_at + 86400000))
  WHERE outcome IS NULL;

CREATE TABLE run_outputs (
  result_id TEXT PRIMARY KEY,
  stdout BLOB,
  stdout_encoding TEXT NOT NULL DEFAULT 'plain' CHECK (stdout_encoding IN ('plain', 'gzip')),
  stderr BLOB,
  stderr_encoding TEXT NOT NULL DEFAULT 'plain' CHECK (stderr_encoding IN ('plain', 'gzip'))
) STRICT;

-- One line for each change of an execution's state, written with its cause.
CREATE TABLE execution_transitions (
  exec_id TEXT NOT NULL,
  rev INTEGER NOT NULL,
  at INTEGER NOT NULL,
  from_status TEXT,
  to_status TEXT NOT NULL,
  event TEXT NOT NULL,
  result_id TEXT,
  waiting INTEGER NOT NULL,
  settled_targets INTEGER NOT NULL,
  expired_targets INTEGER NOT NULL,
  missing_targets INTEGER NOT NULL,
  succeeded INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  skipped INTEGER NOT NULL,
  expired_runs INTEGER NOT NULL,
  PRIMARY KEY (exec_id, rev)
) STRICT, WITHOUT ROWID;

-- What must leave for the broker, written in the transaction that decided it.
CREATE TABLE command_outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('command', 'kill', 'audit')),
  exec_id TEXT,
  subject TEXT NOT NULL,
  -- Nats-Msg-Id
  msg_id TEXT NOT NULL,
  -- null for a command: its bytes stand in executions.command
  payload BLOB,
  wave INTEGER NOT NULL DEFAULT 0,
  not_before INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'cancelled', 'expired', 'refused')),
  attempts INTEGER NOT NULL DEFAULT 0,
  last_error TEXT,
  sent_at INTEGER,
  stream_sequence INTEGER,
  -- by the database's clock
  created_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000 AS INTEGER))
) STRICT;
CREATE INDEX command_outbox_waiting ON command_outbox (not_before, id) WHERE state = 'waiting';
CREATE INDEX command_outbox_refused ON command_outbox (id) WHERE state = 'refused';
CREATE INDEX command_outbox_by_exec ON command_outbox (exec_id);
CREATE INDEX command_outbox_by_subject ON command_outbox (subject, sent_at) WHERE kind = 'command';

CREATE TABLE dead_letters (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  stream TEXT NOT NULL,
  stream_created_at INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  subject TEXT NOT NULL,
  payload BLOB NOT NULL,
  error TEXT NOT NULL,
  -- when the broker stored the message
  published_at INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL,
  UNIQUE (stream, stream_created_at, sequence)
) STRICT;

CREATE TABLE projector_positions (
  consumer TEXT PRIMARY KEY,
  stream TEXT NOT NULL,
  stream_created_at INTEGER NOT NULL,
  last_sequence INTEGER NOT NULL
) STRICT;

CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  -- grows by one with every new holder: the fencing term
  term INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE agents (
  pc_id TEXT PRIMARY KEY,
  hostname TEXT,
  os_family TEXT,
  agent_version TEXT,
  -- by the backend's clock
  first_heard_at INTEGER NOT NULL,
  last_heard_at INTEGER NOT NULL,
  -- by the agent's clock
  reported_at INTEGER,
  agent_cpu_pct REAL,
  agent_rss_bytes INTEGER,
  agent_disk_read_bytes INTEGER,
  agent_disk_written_bytes INTEGER,
  -- JSON arrays of text
  quarantined_versions TEXT,
  command_keys TEXT,
  shells TEXT,
  stuck_results INTEGER
) STRICT;

CREATE TABLE inventory_facts (
  pc_id TEXT NOT NULL,
  job_id TEXT NOT NULL,
  result_id TEXT NOT NULL,
  finished_at INTEGER NOT NULL,
  facts BLOB NOT NULL,
  PRIMARY KEY (pc_id, job_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  stream_created_at INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT,
  payload BLOB,
  occurred_at INTEGER NOT NULL,
  UNIQUE (stream_created_at, sequence)
) STRICT;
CREATE INDEX audit_log_by_occurred_at ON audit_log (occurred_at DESC, id DESC);

CREATE TABLE idempotency_keys (
  caller TEXT NOT NULL,
  route TEXT NOT NULL,
  key TEXT NOT NULL,
  -- SHA-256 of method, path and canonical body
  request_hash TEXT NOT NULL,
  status INTEGER NOT NULL,
  answer BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (caller, route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_created_at ON idempotency_keys (created_at);
