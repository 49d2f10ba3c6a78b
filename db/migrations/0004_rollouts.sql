-- Executions in waves. Instants are milliseconds since the epoch, UTC.

-- the first wave that reaches it, from 0
ALTER TABLE execution_targets ADD COLUMN wave INTEGER NOT NULL DEFAULT 0;
-- the execution whose rest this one is
ALTER TABLE executions ADD COLUMN retry_of TEXT;

CREATE TABLE rollouts (
  exec_id TEXT PRIMARY KEY,
  status TEXT NOT NULL
    CHECK (status IN ('waiting', 'sending', 'soaking', 'paused', 'completed', 'stopped', 'aborted')),
  -- the present one, from 0
  wave INTEGER NOT NULL,
  soak_ms INTEGER NOT NULL,
  -- when to stop by itself; null = no such limit
  max_failures INTEGER,
  max_percent REAL,
  -- null until the present wave has left
  soak_until INTEGER,
  -- why a wave that is due does not begin
  held TEXT,
  paused_in TEXT CHECK (paused_in IN ('waiting', 'sending', 'soaking')),
  -- why it ended before its last wave
  reason TEXT,
  rev INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  ended_at INTEGER,
  -- when its execution had learnt of its end: unsent targets are missing, the deadline is set
  closed_at INTEGER
) STRICT;
CREATE INDEX rollouts_open ON rollouts (exec_id) WHERE closed_at IS NULL;
CREATE INDEX rollouts_by_created_at ON rollouts (created_at DESC, exec_id);

CREATE TABLE rollout_waves (
  exec_id TEXT NOT NULL,
  wave INTEGER NOT NULL,
  -- of a wave of a group
  group_name TEXT,
  -- of a wave that is a share of the target
  percent REAL,
  -- not before
  due_at INTEGER NOT NULL,
  began_at INTEGER,
  sent_at INTEGER,
  PRIMARY KEY (exec_id, wave)
) STRICT, WITHOUT ROWID;

-- One line for each change of a rollout, written with its cause.
CREATE TABLE rollout_transitions (
  exec_id TEXT NOT NULL,
  rev INTEGER NOT NULL,
  at INTEGER NOT NULL,
  from_status TEXT NOT NULL,
  to_status TEXT NOT NULL,
  event TEXT NOT NULL,
  -- the present one after it
  wave INTEGER NOT NULL,
  -- what holds it or why it ended
  why TEXT,
  actor TEXT NOT NULL,
  PRIMARY KEY (exec_id, rev)
) STRICT, WITHOUT ROWID;
