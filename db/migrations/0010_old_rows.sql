-- What is too old is looked for every hour: dead letters among all of them, each of which may have a megabyte before its time,
-- and messages of no execution, which are as many as there were changes and refused calls.
CREATE INDEX dead_letters_by_recorded_at ON dead_letters (recorded_at, id);
CREATE INDEX command_outbox_of_none ON command_outbox (created_at) WHERE exec_id IS NULL;
