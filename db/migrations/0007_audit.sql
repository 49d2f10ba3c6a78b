-- What became of the calls that the audit log tells of, and ways to find them.
ALTER TABLE audit_log ADD COLUMN outcome TEXT NOT NULL DEFAULT 'allowed'
  CHECK (outcome IN ('allowed', 'refused', 'interrupted'));
UPDATE audit_log SET outcome = 'refused' WHERE action IN ('refused', 'forgery_refused');
CREATE INDEX audit_log_by_actor ON audit_log (actor, occurred_at DESC, id DESC);
CREATE INDEX audit_log_by_action ON audit_log (action, occurred_at DESC, id DESC);
CREATE INDEX audit_log_by_outcome ON audit_log (outcome, occurred_at DESC, id DESC);
