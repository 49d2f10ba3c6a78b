-- Outputs get a number that is never used twice: what is behind the index is told by it, and VACUUM leaves it alone.
CREATE TABLE numbered_outputs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  result_id TEXT NOT NULL UNIQUE,
  stdout BLOB,
  stdout_encoding TEXT NOT NULL DEFAULT 'plain' CHECK (stdout_encoding IN ('plain', 'gzip')),
  stderr BLOB,
  stderr_encoding TEXT NOT NULL DEFAULT 'plain' CHECK (stderr_encoding IN ('plain', 'gzip'))
) STRICT;
INSERT INTO numbered_outputs (result_id, stdout, stdout_encoding, stderr, stderr_encoding)
  SELECT result_id, stdout, stdout_encoding, stderr, stderr_encoding FROM run_outputs ORDER BY rowid;
DROP TABLE run_outputs;
ALTER TABLE numbered_outputs RENAME TO run_outputs;

-- Which runs hold which three characters, case folded. A row's number is its place in `indexed_outputs`.
CREATE VIRTUAL TABLE output_index USING fts5(
  text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram'
);

CREATE TABLE indexed_outputs (
  -- minute of started_at * 2^22 + a number within it: a search reads backwards along it
  place INTEGER PRIMARY KEY,
  result_id TEXT NOT NULL UNIQUE,
  -- of stdout and stderr together: SHA-256, its first 16 bytes
  hash BLOB NOT NULL,
  -- 0 = it holds more different text than is indexed: a search always reads it
  whole INTEGER NOT NULL CHECK (whole IN (0, 1))
) STRICT;
CREATE INDEX indexed_outputs_not_whole ON indexed_outputs (place) WHERE whole = 0;

-- One row: outputs up to this number have been through the indexer.
CREATE TABLE output_index_progress (last_id INTEGER NOT NULL) STRICT;
INSERT INTO output_index_progress (last_id) VALUES (0);

-- Outputs that changed, or whose run moved in time, since they were written: they are to be indexed again.
CREATE TABLE changed_outputs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  result_id TEXT NOT NULL
) STRICT;

-- Places that nothing stands at any more, to be taken out of `output_index`.
CREATE TABLE dropped_places (place INTEGER PRIMARY KEY) STRICT;

-- Triggers for what is rare, whoever does it; an insert, which is what projecting mostly does, fires none.
CREATE TRIGGER run_outputs_deleted AFTER DELETE ON run_outputs BEGIN
  INSERT INTO dropped_places (place) SELECT place FROM indexed_outputs WHERE result_id = old.result_id;
  DELETE FROM indexed_outputs WHERE result_id = old.result_id;
END;
CREATE TRIGGER run_outputs_changed AFTER UPDATE OF stdout, stderr ON run_outputs BEGIN
  INSERT INTO changed_outputs (result_id) VALUES (new.result_id);
END;
CREATE TRIGGER settled_runs_moved AFTER UPDATE OF started_at ON execution_results
  WHEN old.outcome IS NOT NULL AND old.started_at / 60000 <> new.started_at / 60000 BEGIN
  INSERT INTO changed_outputs (result_id) VALUES (new.result_id);
END;
