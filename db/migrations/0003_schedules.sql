-- What the scheduler decided. A rebuild leaves these tables as they are: they are our own intents, as the outbox is.

-- One row for each decided instant of a schedule; its key is why none is fired twice.
CREATE TABLE schedule_fires (
  schedule_id TEXT NOT NULL,
  -- the instant that was decided, not when that was done
  fire_at INTEGER NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('fired', 'missed', 'skipped')),
  -- why it was missed or skipped
  reason TEXT,
  -- the same in words where the reason alone does not tell, or what was special
  detail TEXT,
  decided_at INTEGER NOT NULL,
  job_id TEXT NOT NULL,
  exec_id TEXT,
  target_count INTEGER,
  PRIMARY KEY (schedule_id, fire_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedule_fires_by_decided_at ON schedule_fires (decided_at);
CREATE INDEX schedule_fires_fired ON schedule_fires (schedule_id, exec_id) WHERE exec_id IS NOT NULL;

-- Up to where each schedule is decided; gone with the schedule.
CREATE TABLE schedule_cursors (
  schedule_id TEXT PRIMARY KEY,
  -- SHA-256 of the members that say when it fires: another definition begins anew
  definition TEXT NOT NULL,
  job_id TEXT NOT NULL,
  decided_up_to INTEGER NOT NULL,
  -- why it is somebody's turn and nothing fires: told in the ledger once
  blocked TEXT
) STRICT;

-- How far each PC is with a schedule that repeats until it succeeded; pc_id '' stands for the whole target.
CREATE TABLE schedule_progress (
  schedule_id TEXT NOT NULL,
  pc_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'failed', 'succeeded')),
  -- open: when it was fired; failed: when that was noticed; succeeded: when the run began
  at INTEGER NOT NULL,
  failures INTEGER NOT NULL DEFAULT 0,
  exec_id TEXT NOT NULL,
  PRIMARY KEY (schedule_id, pc_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedule_progress_unsettled ON schedule_progress (schedule_id, pc_id) WHERE state <> 'succeeded';
