-- What is about to be changed where no transaction of ours reaches (buckets, objects, users of the broker), written down before
-- it is changed. Its row goes in the transaction that puts its audit event into the outbox: one that stays was cut off. A rebuild
-- leaves it as it is.
CREATE TABLE audit_intents (
  id TEXT PRIMARY KEY,
  -- the process that is at it: {host}/{pid}/{uuid}
  holder TEXT NOT NULL,
  recorded_at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  -- JSON: what is wanted, or null
  payload BLOB NOT NULL,
  -- JSON: where it is to be changed, and how that was before
  places BLOB NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE audit_log ADD COLUMN outcome TEXT NOT NULL DEFAULT 'allowed'
  CHECK (outcome IN ('allowed', 'refused', 'interrupted'));
UPDATE audit_log SET outcome = 'refused' WHERE action IN ('refused', 'forgery_refused');
CREATE INDEX audit_log_by_actor ON audit_log (actor, occurred_at DESC, id DESC);
CREATE INDEX audit_log_by_action ON audit_log (action, occurred_at DESC, id DESC);
CREATE INDEX audit_log_by_outcome ON audit_log (outcome, occurred_at DESC, id DESC);
