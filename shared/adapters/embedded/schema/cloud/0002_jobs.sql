-- due_at: queued: when it was requested; running: the end of its lease; failed: when it is tried again; else: when it ended
CREATE TABLE jobs (
  job_id TEXT PRIMARY KEY NOT NULL,
  kind TEXT NOT NULL,
  site_id TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  fence INTEGER NOT NULL DEFAULT 0,
  requested_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  owner TEXT,
  started_at INTEGER,
  finished_at INTEGER,
  error TEXT,
  result TEXT NOT NULL DEFAULT '{}'
) STRICT, WITHOUT ROWID;

CREATE INDEX jobs_to_do ON jobs (kind, due_at) WHERE state IN ('queued', 'failed', 'running');
CREATE INDEX jobs_ended ON jobs (state, finished_at) WHERE state IN ('done', 'given_up');
CREATE INDEX jobs_by_request ON jobs (requested_at);
CREATE INDEX jobs_by_site ON jobs (site_id, requested_at);
