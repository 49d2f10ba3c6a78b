-- Whether a command leaves in an envelope that names its recipient (wire.md §6). Decided with the dispatch: tried again, it
-- must be the same bytes, by which the agent knows it.
ALTER TABLE command_outbox ADD COLUMN enveloped INTEGER NOT NULL DEFAULT 0 CHECK (enveloped IN (0, 1));
