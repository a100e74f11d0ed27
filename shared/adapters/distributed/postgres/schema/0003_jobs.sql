-- Jobs that several workers share. Each claim gives a job a greater fence; who holds an older one changes nothing more.

-- due_at: queued: when it was requested; running: the end of its lease; failed: when it is tried again; else: when it ended
CREATE TABLE public.jobs (
  job_id text PRIMARY KEY,
  kind text NOT NULL,
  site_id text NOT NULL,
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'failed', 'done', 'given_up')),
  attempts bigint NOT NULL DEFAULT 0,
  fence bigint NOT NULL,
  requested_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  owner text,
  started_at timestamptz,
  finished_at timestamptz,
  error text,
  result jsonb NOT NULL DEFAULT '{}'
)
-- every job is updated in place a few times and forgotten after some days: room on its page, and an early clean-up
WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX jobs_to_do ON public.jobs (kind, due_at) WHERE state IN ('queued', 'failed', 'running');
CREATE INDEX jobs_ended ON public.jobs (state, finished_at) WHERE state IN ('done', 'given_up');
CREATE INDEX jobs_by_request ON public.jobs (requested_at);
CREATE INDEX jobs_by_site ON public.jobs (site_id, requested_at);
SELECT der.guard('public.jobs', 'site_id = ANY ((SELECT der.own_sites())::text[])');

-- Queues what is not known yet; returns the ids of these. Fences count on from the moment of the request: one that is asked
-- for again after it was forgotten gets none that somebody may still hold.
CREATE FUNCTION der.request_jobs(ids text[], kinds text[], site_ids text[], at timestamptz) RETURNS SETOF text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  -- sorted: two that ask for the same jobs wait for each other in one direction
  INSERT INTO public.jobs (job_id, kind, site_id, fence, requested_at, due_at)
  SELECT id, kind, site_id, extract(epoch FROM at) * 1000000, at, at FROM unnest(ids, kinds, site_ids) AS asked (id, kind, site_id) ORDER BY id
  ON CONFLICT (job_id) DO NOTHING
  RETURNING job_id
$$;

-- Takes what is queued, due again, or held by a lease that has ended; only of `ids` where they are not null. A job that is being
-- claimed by another, or under whose lease something is being written, is passed by.
CREATE FUNCTION der.claim_jobs(wanted text, claimer text, at timestamptz, until timestamptz, most bigint, ids text[])
RETURNS TABLE (id text, new_fence bigint, tries bigint)
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  WITH free AS MATERIALIZED (
    SELECT job_id FROM public.jobs
    WHERE kind = wanted AND state IN ('queued', 'failed', 'running') AND (state = 'queued' OR due_at <= at)
      AND (ids IS NULL OR job_id = ANY (ids))
    ORDER BY due_at, job_id LIMIT most FOR UPDATE SKIP LOCKED
  )
  UPDATE public.jobs AS j
  SET state = 'running', attempts = attempts + 1, fence = fence + 1, owner = claimer, started_at = at, due_at = until
  FROM free WHERE j.job_id = free.job_id
  RETURNING j.job_id, j.fence, j.attempts
$$;

-- Whether the job runs under this fence. True holds until the transaction ends: a claim passes it by so long, while its
-- holder may go on to extend or finish it (these lock less than a claim does).
CREATE FUNCTION der.holds_job(id text, held bigint) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM FROM public.jobs WHERE job_id = id AND fence = held AND state = 'running' FOR KEY SHARE;
  RETURN FOUND;
END
$$;

-- Prolongs leases; returns the ids of those that are still held.
CREATE FUNCTION der.extend_jobs(ids text[], fences bigint[], until timestamptz) RETURNS SETOF text
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE public.jobs AS j SET due_at = until
  FROM unnest(ids, fences) AS l (id, held) WHERE j.job_id = l.id AND j.fence = l.held AND j.state = 'running'
  RETURNING j.job_id
$$;

-- Queues jobs again as if they had not been claimed.
CREATE FUNCTION der.give_back_jobs(ids text[], fences bigint[], at timestamptz) RETURNS void
LANGUAGE sql
SET search_path = pg_catalog, pg_temp
AS $$
  UPDATE public.jobs AS j SET state = 'queued', attempts = attempts - 1, owner = NULL, due_at = at
  FROM unnest(ids, fences) AS l (id, held) WHERE j.job_id = l.id AND j.fence = l.held AND j.state = 'running'
$$;

-- Ends an attempt: done, given up, or failed and due again at `at`. False, and nothing changed, where the lease was lost.
CREATE FUNCTION der.end_job(id text, held bigint, verdict text, at timestamptz, problem text, outcome jsonb) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE public.jobs
  SET state = verdict, due_at = at, finished_at = CASE WHEN verdict = 'failed' THEN NULL ELSE at END, error = problem,
    result = coalesce(outcome, result)
  WHERE job_id = id AND fence = held AND state = 'running';
  RETURN FOUND;
END
$$;

-- Forgets some of what ended in this state before a moment; returns how many.
CREATE FUNCTION der.prune_jobs(ended text, before timestamptz, most bigint) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  forgotten bigint;
BEGIN
  DELETE FROM public.jobs WHERE job_id IN (
    SELECT job_id FROM public.jobs WHERE state = ended AND finished_at < before ORDER BY finished_at LIMIT most FOR UPDATE SKIP LOCKED
  );
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  RETURN forgotten;
END
$$;

REVOKE ALL ON FUNCTION
  der.request_jobs(text[], text[], text[], timestamptz), der.claim_jobs(text, text, timestamptz, timestamptz, bigint, text[]),
  der.holds_job(text, bigint), der.extend_jobs(text[], bigint[], timestamptz), der.give_back_jobs(text[], bigint[], timestamptz),
  der.end_job(text, bigint, text, timestamptz, text, jsonb), der.prune_jobs(text, timestamptz, bigint)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  der.request_jobs(text[], text[], text[], timestamptz), der.claim_jobs(text, text, timestamptz, timestamptz, bigint, text[]),
  der.holds_job(text, bigint), der.extend_jobs(text[], bigint[], timestamptz), der.give_back_jobs(text[], bigint[], timestamptz),
  der.end_job(text, bigint, text, timestamptz, text, jsonb), der.prune_jobs(text, timestamptz, bigint)
TO der_service;
