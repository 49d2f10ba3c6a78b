-- What failed, was skipped or given up is asked for more than anything, and is rare: without this a list of it passes over
-- every run that succeeded since.
CREATE INDEX execution_results_not_succeeded ON execution_results (started_at DESC, result_id)
  WHERE outcome <> 'succeeded';
