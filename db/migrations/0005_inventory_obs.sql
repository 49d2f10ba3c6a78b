-- Facts of jobs with an `inventory:` hint, and what endpoints noticed.
-- A rebuild of the projection makes the facts anew out of the rebuilt runs, and keeps those whose runs are gone.

-- Jobs with the hint, as the holder of the writer lease knows them.
CREATE TABLE inventory_jobs (
  job_id TEXT PRIMARY KEY,
  version TEXT NOT NULL,
  -- JSON, as the manifest has them
  display BLOB NOT NULL,
  summary BLOB NOT NULL,
  -- 0 = the runs that were committed before it was known are still to be looked at
  caught_up INTEGER NOT NULL DEFAULT 0 CHECK (caught_up IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Settled runs of those jobs that are still to be looked at, written with the runs.
CREATE TABLE inventory_due (
  finished_at INTEGER NOT NULL,
  result_id TEXT NOT NULL,
  PRIMARY KEY (finished_at, result_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX inventory_facts_by_job ON inventory_facts (job_id, pc_id);

-- The newest run of a PC that gave no fact, and why; of interest while it is newer than the fact.
CREATE TABLE inventory_notes (
  pc_id TEXT NOT NULL,
  job_id TEXT NOT NULL,
  result_id TEXT NOT NULL,
  finished_at INTEGER NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (pc_id, job_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX inventory_notes_by_job ON inventory_notes (job_id, pc_id);

-- One row for each change: these facts were told by the runs from `since` to `until`, both finished_at.
CREATE TABLE inventory_history (
  pc_id TEXT NOT NULL,
  job_id TEXT NOT NULL,
  since INTEGER NOT NULL,
  since_result_id TEXT NOT NULL,
  until INTEGER NOT NULL,
  until_result_id TEXT NOT NULL,
  facts BLOB NOT NULL,
  PRIMARY KEY (pc_id, job_id, since, since_result_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX inventory_history_by_until ON inventory_history (until);

-- The projection of stream OBS_EVENTS. A rebuild leaves it as it is.
CREATE TABLE obs_events (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  stream_created_at INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  pc_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  source TEXT NOT NULL,
  -- JSON: text, a number or null
  event_record_id TEXT NOT NULL,
  -- JSON
  payload BLOB NOT NULL,
  -- by the agent's clock
  at INTEGER NOT NULL,
  -- when the broker stored it
  published_at INTEGER NOT NULL,
  UNIQUE (stream_created_at, sequence)
) STRICT;
CREATE INDEX obs_events_by_published_at ON obs_events (published_at DESC, id DESC);
CREATE INDEX obs_events_by_pc ON obs_events (pc_id, published_at DESC, id DESC);
