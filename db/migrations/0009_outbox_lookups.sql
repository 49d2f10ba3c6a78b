-- By which commands of an execution, and whether by a newer one, a target was reached: looked up for each target that is
-- missing. Along an execution alone that was ten thousand rows for each of ten thousand PCs, along a subject alone every
-- command that ever left for everybody.
DROP INDEX command_outbox_by_exec;
CREATE INDEX command_outbox_by_exec ON command_outbox (exec_id, subject);
DROP INDEX command_outbox_by_subject;
CREATE INDEX command_outbox_sent ON command_outbox (subject, id) WHERE kind = 'command' AND state = 'sent';
