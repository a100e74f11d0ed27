-- Jobs over Supabase's REST API, as 0002 does it for the other tables.

-- Refuses the call unless the job runs under this fence, and holds it until the call's transaction ends.
CREATE FUNCTION der.rest_require_lease(lease json) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NOT der.holds_job(lease ->> 'job_id', (lease ->> 'fence')::bigint) THEN
    RAISE EXCEPTION 'job % is no longer held', lease ->> 'job_id' USING ERRCODE = 'PT412';
  END IF;
END
$$;

CREATE FUNCTION der.rest_write_job_requests(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$
  SELECT coalesce(jsonb_agg(id), '[]')
  FROM json_to_record(head) AS h (ids text[], kinds text[], site_ids text[], at bigint),
    der.request_jobs(h.ids, h.kinds, h.site_ids, der.moment(h.at)) AS id
$$;

CREATE FUNCTION der.rest_write_job_claim(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$
  SELECT coalesce(jsonb_agg(jsonb_build_array(c.id, c.new_fence, c.tries)), '[]')
  FROM json_to_record(head) AS h (kind text, owner text, at bigint, until bigint, most bigint, ids text[]),
    der.claim_jobs(h.kind, h.owner, der.moment(h.at), der.moment(h.until), h.most, h.ids) AS c
$$;

CREATE FUNCTION der.rest_write_job_extensions(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$
  SELECT coalesce(jsonb_agg(id), '[]')
  FROM json_to_record(head) AS h (ids text[], fences bigint[], until bigint), der.extend_jobs(h.ids, h.fences, der.moment(h.until)) AS id
$$;

CREATE FUNCTION der.rest_write_jobs_back(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$
  SELECT der.give_back_jobs(h.ids, h.fences, der.moment(h.at)) FROM json_to_record(head) AS h (ids text[], fences bigint[], at bigint);
  SELECT 'true'::jsonb
$$;

CREATE FUNCTION der.rest_write_job_end(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$
  SELECT to_jsonb(der.end_job(h.job_id, h.fence, h.state, der.moment(h.at), h.error, h.result))
  FROM json_to_record(head) AS h (job_id text, fence bigint, state text, at bigint, error text, result jsonb)
$$;

-- The state that was found; only what failed or was given up is queued again.
CREATE FUNCTION der.rest_write_job_retry(head json, bodies json[]) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  found_state text;
BEGIN
  SELECT state INTO found_state FROM public.jobs WHERE job_id = head ->> 'job_id' FOR UPDATE;
  UPDATE public.jobs SET state = 'queued', attempts = 0, due_at = der.moment((head ->> 'at')::bigint), finished_at = NULL
  WHERE job_id = head ->> 'job_id' AND state IN ('failed', 'given_up');
  RETURN jsonb_build_object('state', found_state);
END
$$;

CREATE FUNCTION der.rest_write_job_pruning(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$
  SELECT to_jsonb(der.prune_jobs(head ->> 'state', der.moment((head ->> 'before')::bigint), (head ->> 'limit')::bigint))
$$;

-- Newest request first: one job, or those of a kind, state, site (each null for any).
CREATE FUNCTION der.rest_read_jobs(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT coalesce(json_agg(json_build_object(
    'job_id', job_id, 'state', state, 'attempts', attempts, 'fence', fence, 'requested_at', der.micros(requested_at),
    'due_at', der.micros(due_at), 'owner', owner, 'started_at', der.micros(started_at), 'finished_at', der.micros(finished_at),
    'error', error, 'result', result
  )), '[]') FROM (
    SELECT * FROM public.jobs
    WHERE (q ->> 'job_id' IS NULL OR job_id = q ->> 'job_id') AND (q ->> 'kind' IS NULL OR kind = q ->> 'kind')
      AND (q ->> 'state' IS NULL OR state = q ->> 'state') AND (q ->> 'site_id' IS NULL OR site_id = q ->> 'site_id')
    ORDER BY requested_at DESC, job_id COLLATE "C" LIMIT (q ->> 'limit')::bigint
  ) AS page
$$;

CREATE FUNCTION der.rest_read_job_counts(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT coalesce(json_agg(json_build_array(kind, state, jobs)), '[]')
  FROM (SELECT kind, state, count(*) AS jobs FROM public.jobs GROUP BY kind, state) AS counted
$$;

DO $$
DECLARE
  made regprocedure;
BEGIN
  FOR made IN
    SELECT oid FROM pg_proc WHERE pronamespace = 'der'::regnamespace
      AND (proname LIKE 'rest\_%\_job%' OR proname = 'rest_require_lease')
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO der_service', made);
  END LOOP;
END
$$;
