-- What ended last is asked for by the first page, and again with each end. By their beginnings that was another order.
CREATE INDEX executions_ended ON executions (ended_at DESC, exec_id) WHERE ended_at IS NOT NULL;
