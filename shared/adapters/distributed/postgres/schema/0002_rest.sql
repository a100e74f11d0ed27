-- The cloud store over Supabase's REST API: two functions that write and one that reads, for who has no connection to the
-- database. They run with the rights of the caller, so tables and row-level security decide as for any other login.
-- Instants travel as whole microseconds since 1970-01-01T00:00:00Z, numbers as JSON numbers (null for missing, "Infinity"
-- for what JSON has no word for), many rows as one array for each column.

-- Every write names a call. Who asks again with the same call, because the answer was lost, is told what it did.
CREATE TABLE der.rest_calls (
  call_id uuid PRIMARY KEY,
  answer jsonb,
  made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX rest_calls_by_age ON der.rest_calls (made_at);

-- Rows on their way: a write too large for one request arrives in parts and happens when its call is made.
CREATE TABLE der.rest_parts (
  call_id uuid NOT NULL,
  part integer NOT NULL,
  body json NOT NULL,
  made_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (call_id, part)
);
CREATE INDEX rest_parts_by_age ON der.rest_parts (made_at);

SELECT der.guard('der.rest_calls', NULL), der.guard('der.rest_parts', NULL);

CREATE FUNCTION der.moment(micros bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT timestamptz 'epoch' + micros * interval '1 microsecond' $$;

CREATE FUNCTION der.micros(moment timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT (extract(epoch FROM moment) * 1000000)::bigint $$;

CREATE FUNCTION der.moments(micros bigint[]) RETURNS timestamptz[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT array_agg(der.moment(m) ORDER BY n) FROM unnest(micros) WITH ORDINALITY AS each (m, n) $$;

-- The answer of a call that was made already, else NULL. Waits for an attempt that still runs; forgets old calls.
CREATE FUNCTION der.begin_call(call uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  DELETE FROM der.rest_calls WHERE call_id IN (
    SELECT call_id FROM der.rest_calls WHERE made_at < now() - interval '1 hour' ORDER BY made_at LIMIT 100 FOR UPDATE SKIP LOCKED
  );
  DELETE FROM der.rest_parts WHERE (call_id, part) IN (
    SELECT call_id, part FROM der.rest_parts WHERE made_at < now() - interval '1 day' ORDER BY made_at LIMIT 100 FOR UPDATE SKIP LOCKED
  );
  INSERT INTO der.rest_calls (call_id) VALUES (call) ON CONFLICT DO NOTHING;
  RETURN (SELECT answer FROM der.rest_calls WHERE call_id = call);
END
$$;

CREATE FUNCTION der.end_call(call uuid, answered jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE der.rest_calls SET answer = answered WHERE call_id = call;
  DELETE FROM der.rest_parts WHERE call_id = call;
END
$$;

CREATE FUNCTION der.parts_of(call uuid, expected integer) RETURNS json[]
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  found json[];
BEGIN
  SELECT array_agg(body ORDER BY part) INTO found FROM der.rest_parts WHERE call_id = call AND part < expected;
  IF coalesce(cardinality(found), 0) <> expected THEN
    RAISE EXCEPTION '% of % parts are there', coalesce(cardinality(found), 0), expected USING ERRCODE = 'PT410';
  END IF;
  RETURN found;
END
$$;

-- Keeps a part of a call to come; again changes nothing.
CREATE FUNCTION public.der_stage(call uuid, part integer, body text) RETURNS jsonb
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO der.rest_parts (call_id, part, body) VALUES (call, part, body::json)
  ON CONFLICT (call_id, part) DO UPDATE SET body = excluded.body RETURNING to_jsonb(rest_parts.part)
$$;

-- Makes a call: one transaction, once. `body` is an array: a head, and rows where no parts were kept for them.
-- `lease` is null or the job under whose lease is written: nothing is when it was lost.
CREATE FUNCTION public.der_write(operation text, call uuid, body text, parts integer, lease text) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  answer jsonb := der.begin_call(call);
  bodies json[];
BEGIN
  IF answer IS NOT NULL THEN
    RETURN answer;
  END IF;
  IF lease IS NOT NULL THEN
    PERFORM der.rest_require_lease(lease::json);
  END IF;
  SELECT array_agg(value ORDER BY ordinality) INTO bodies FROM json_array_elements(body::json) WITH ORDINALITY;
  IF parts > 0 THEN
    bodies := bodies || der.parts_of(call, parts);
  END IF;
  EXECUTE format('SELECT der.%I($1, $2)', 'rest_write_' || operation) INTO answer USING bodies[1], bodies[2:];
  PERFORM der.end_call(call, answer);
  RETURN answer;
END
$$;

-- Answers a question; changes nothing.
CREATE FUNCTION public.der_read(question text, body text) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  answer json;
BEGIN
  EXECUTE format('SELECT der.%I($1)', 'rest_read_' || question) INTO answer USING body::json;
  RETURN answer;
END
$$;

CREATE FUNCTION der.rest_read_version(q json) RETURNS json
LANGUAGE sql STABLE
AS $$ SELECT to_json(max(version)) FROM der.migrations $$;

-- Sites and tariffs

CREATE FUNCTION der.rest_write_site(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$ SELECT to_jsonb(der.put_site(head ->> 'site_id', (head ->> 'document')::jsonb)) $$;

CREATE FUNCTION der.rest_write_tariff(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$ SELECT jsonb_build_object('changed', der.put_tariff(head ->> 'site_id', (head ->> 'document')::jsonb)) $$;

CREATE FUNCTION der.rest_write_site_away(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$ SELECT to_jsonb(der.remove_site(head ->> 'site_id')) $$;

CREATE FUNCTION der.rest_read_site(q json) RETURNS json
LANGUAGE sql STABLE
AS $$ SELECT to_json(document::text) FROM public.sites WHERE site_id = q ->> 'site_id' $$;

CREATE FUNCTION der.rest_read_tariff(q json) RETURNS json
LANGUAGE sql STABLE
AS $$ SELECT to_json(document::text) FROM public.tariffs WHERE site_id = q ->> 'site_id' $$;

CREATE FUNCTION der.rest_read_sites(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_object('site_id', json_agg(site_id), 'document', json_agg(document::text)) FROM (
    SELECT site_id, document FROM public.sites WHERE site_id > q ->> 'after'
    ORDER BY site_id LIMIT (q ->> 'limit')::integer
  ) AS page
$$;

-- Readings

-- head: stored_at, and sites, devices, firsts, lasts, counts of the groups and their months, for der.begin_readings.
CREATE FUNCTION der.rest_write_readings(head json, bodies json[]) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN der.rest_store_readings(head, bodies, true);
EXCEPTION WHEN unique_violation THEN
  -- somebody wrote rows past us, of which devices knows nothing: compare every row
  RETURN der.rest_store_readings(head, bodies, false);
END
$$;

CREATE FUNCTION der.rest_store_readings(head json, bodies json[], trusting boolean) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  g record;
  moments timestamptz[];
  news boolean[];
  names text;
  arrays text;
  inserted bigint;
  total bigint;
  merged record;
BEGIN
  SELECT * INTO g FROM json_to_record(head) AS h (
    stored_at bigint, sites text[], devices text[], firsts bigint[], lasts bigint[], counts bigint[], months date[]
  );
  SELECT array_agg(stored_at), array_agg(fresh) INTO moments, news FROM der.begin_readings(
    g.sites, g.devices, der.moments(g.firsts), der.moments(g.lasts), g.counts, g.months, der.moment(g.stored_at), trusting
  );
  PERFORM der.stage_readings();
  -- the columns as the table has them, each an array of its type
  SELECT string_agg(format('%I', attname), ', ' ORDER BY attnum),
    string_agg(format('%I %s[]', attname, format_type(atttypid, NULL)), ', ' ORDER BY attnum)
  INTO names, arrays
  FROM pg_attribute
  WHERE attrelid = 'public.readings'::regclass AND attnum > 0 AND NOT attisdropped
    AND attname NOT IN ('site_id', 'timestamp', 'device_id', 'stored_at');
  EXECUTE format(
    'WITH rows AS MATERIALIZED ('
    '  SELECT r.site_id, der.moment(r."timestamp") AS "timestamp", r.device_id, %4$s'
    '  FROM unnest($1) AS part,'
    '    json_to_record(part) AS c (site_ids text[], stamps bigint[], device_ids text[], %2$s),'
    '    unnest(c.site_ids, c.stamps, c.device_ids, %3$s) AS r (site_id, "timestamp", device_id, %1$s)'
    '), placed AS MATERIALIZED ('
    '  SELECT rows.*, g.stored_at, g.fresh FROM rows'
    '  JOIN unnest($2, $3, $4, $5) AS g (site_id, device_id, stored_at, fresh) USING (site_id, device_id)'
    '), added AS ('
    '  INSERT INTO public.readings (site_id, "timestamp", device_id, %1$s, stored_at)'
    '  SELECT site_id, "timestamp", device_id, %1$s, stored_at FROM placed WHERE fresh RETURNING 1'
    '), staged AS ('
    '  INSERT INTO pg_temp.incoming (site_id, "timestamp", device_id, %1$s, stored_at)'
    '  SELECT site_id, "timestamp", device_id, %1$s, stored_at FROM placed WHERE NOT fresh'
    ') SELECT (SELECT count(*) FROM added), (SELECT count(*) FROM rows)',
    names, arrays, 'c.' || replace(names, ', ', ', c.'), 'r.' || replace(names, ', ', ', r.')
  ) INTO inserted, total USING bodies, g.sites, g.devices, moments, news;
  SELECT * INTO merged FROM der.merge_readings();
  inserted := inserted + merged.inserted;
  RETURN jsonb_build_object('inserted', inserted, 'updated', merged.updated, 'unchanged', total - inserted - merged.updated);
END
$$;

-- A page: the columns asked for, after a key.
CREATE FUNCTION der.rest_read_readings(q json) RETURNS json
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  columns text;
  answer json;
BEGIN
  SELECT string_agg(format(', %L, json_agg(%I)', name, name), '' ORDER BY n) INTO columns
  FROM json_array_elements_text(q -> 'columns') WITH ORDINALITY AS c (name, n);
  EXECUTE format(
    'SELECT json_build_object(''timestamp'', json_agg(der.micros("timestamp")), ''device_id'', json_agg(device_id) %s) FROM ('
    '  SELECT * FROM public.readings WHERE site_id = $1 AND "timestamp" < $2 AND ("timestamp", device_id) > ($3, $4)'
    '  ORDER BY "timestamp", device_id LIMIT $5'
    ') AS page', columns
  ) INTO answer USING q ->> 'site_id', der.moment((q ->> 'end')::bigint), der.moment((q ->> 'after')::bigint), q ->> 'after_device',
    (q ->> 'limit')::integer;
  RETURN answer;
END
$$;

CREATE FUNCTION der.rest_read_latest(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_agg(to_jsonb(r) || jsonb_build_object('timestamp', der.micros(r."timestamp")) ORDER BY r."timestamp", r.device_id)
  FROM public.devices AS d
  JOIN public.readings AS r ON r.site_id = d.site_id AND r."timestamp" = d.last AND r.device_id = d.device_id
  WHERE d.site_id = q ->> 'site_id'
$$;

CREATE FUNCTION der.rest_read_extent(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_array(der.micros(min(first)), der.micros(max(last)), sum(rows)) FROM public.devices WHERE site_id = q ->> 'site_id'
$$;

CREATE FUNCTION der.rest_read_changed(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_array(der.micros(c.first), der.micros(c.last), der.micros(c.newest), (
    SELECT count(*) FROM public.readings AS r
    WHERE r.site_id = q ->> 'site_id' AND r."timestamp" BETWEEN c.first AND c.last AND r.stored_at > since
  )) FROM der.moment((q ->> 'since')::bigint) AS since, der.readings_changed(q ->> 'site_id', since) AS c
$$;

-- Quarantine

CREATE FUNCTION der.rest_write_quarantine(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$
  WITH added AS (
    INSERT INTO public.quarantine (site_id, device_id, "timestamp", reason, document, stored_at)
    SELECT r.site_id, r.device_id, r."timestamp", r.reason, r.document, der.moment(r.stored_at)
    FROM unnest(bodies) AS part, json_to_record(part) AS c (
      site_id text[], device_id text[], "timestamp" text[], reason text[], document text[], stored_at bigint[]
    ), unnest(c.site_id, c.device_id, c."timestamp", c.reason, c.document, c.stored_at) WITH ORDINALITY
      AS r (site_id, device_id, "timestamp", reason, document, stored_at, position)
    ON CONFLICT DO NOTHING RETURNING 1
  )
  SELECT to_jsonb(count(*)) FROM added
$$;

-- The newest rows first, before a row.
CREATE FUNCTION der.rest_read_quarantine(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_object(
    'site_id', json_agg(site_id), 'device_id', json_agg(device_id), 'timestamp', json_agg("timestamp"), 'reason', json_agg(reason),
    'document', json_agg(document), 'stored_at', json_agg(der.micros(stored_at)), 'id', json_agg(id)
  ) FROM (
    SELECT * FROM public.quarantine
    WHERE (q ->> 'site_id' IS NULL OR site_id = q ->> 'site_id')
      AND (q ->> 'before' IS NULL OR (stored_at, id) < (der.moment((q ->> 'before')::bigint), (q ->> 'before_id')::bigint))
    ORDER BY stored_at DESC, id DESC LIMIT (q ->> 'limit')::integer
  ) AS page
$$;

CREATE FUNCTION der.rest_read_quarantine_count(q json) RETURNS json
LANGUAGE sql STABLE
AS $$ SELECT to_json(count(*)) FROM public.quarantine WHERE q ->> 'site_id' IS NULL OR site_id = q ->> 'site_id' $$;

-- Prices

CREATE FUNCTION der.rest_write_prices(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$
  SELECT to_jsonb(der.put_prices(
    head ->> 'series_id', array_agg(der.moment(r.stamp)), array_agg(der.moment(r.published)), array_agg(r.price)
  ))
  FROM unnest(bodies) AS part, json_to_record(part) AS c ("timestamp" bigint[], published_at bigint[], price_per_kwh double precision[]),
    unnest(c."timestamp", c.published_at, c.price_per_kwh) AS r (stamp, published, price)
$$;

-- A page: the newest publication, known at a moment (null: any), of each timestamp after one.
CREATE FUNCTION der.rest_read_prices(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_object(
    'timestamp', json_agg(der.micros("timestamp")), 'price_per_kwh', json_agg(price_per_kwh), 'published_at', json_agg(der.micros(published_at))
  ) FROM (
    SELECT DISTINCT ON ("timestamp") "timestamp", price_per_kwh, published_at FROM public.prices
    WHERE series_id = q ->> 'series_id' AND "timestamp" > der.moment((q ->> 'after')::bigint) AND "timestamp" < der.moment((q ->> 'end')::bigint)
      AND (q ->> 'as_of' IS NULL OR published_at <= der.moment((q ->> 'as_of')::bigint))
    ORDER BY "timestamp", published_at DESC LIMIT (q ->> 'limit')::integer
  ) AS page
$$;

CREATE FUNCTION der.rest_read_prices_extent(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_array(der.micros(min("timestamp")), der.micros(max("timestamp"))) FROM public.prices WHERE series_id = q ->> 'series_id'
$$;

-- Features

-- head: site_id, version, document of the catalog. false when that version is stored with other columns.
CREATE FUNCTION der.rest_write_features(head json, bodies json[]) RETURNS jsonb
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  catalog jsonb := (head ->> 'document')::jsonb;
  number bigint;
  stored jsonb;
  written_rows bigint;
BEGIN
  SELECT document INTO stored FROM public.feature_catalogs WHERE site_id = head ->> 'site_id' AND version = head ->> 'version';
  IF jsonb_path_query_array(stored, '$.features[*].name') <> jsonb_path_query_array(catalog, '$.features[*].name') THEN
    RETURN 'false';
  END IF;
  INSERT INTO public.feature_catalogs AS f (site_id, version, document, written)
  SELECT head ->> 'site_id', head ->> 'version', catalog, coalesce(max(written), 0) + 1
  FROM public.feature_catalogs WHERE site_id = head ->> 'site_id'
  ON CONFLICT (site_id, version) DO UPDATE SET written = excluded.written
  RETURNING f.catalog_id INTO number;
  INSERT INTO public.features (catalog_id, "timestamp", "values")
  SELECT number, der.moment(r.t), array_replace(r.v, NULL, 'NaN')
  FROM unnest(bodies) AS part, json_to_recordset(part) AS r (t bigint, v double precision[]) ORDER BY r.t
  ON CONFLICT (catalog_id, "timestamp") DO UPDATE SET "values" = excluded."values";
  GET DIAGNOSTICS written_rows = ROW_COUNT;
  RETURN to_jsonb(written_rows);
END
$$;

-- The number and the document of a version of a site's catalog (null: the newest).
CREATE FUNCTION der.rest_read_catalog(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_array(catalog_id, document::text) FROM public.feature_catalogs
  WHERE site_id = q ->> 'site_id' AND (q ->> 'version' IS NULL OR version = q ->> 'version') ORDER BY written DESC LIMIT 1
$$;

CREATE FUNCTION der.rest_read_features(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_object('timestamp', json_agg(der.micros("timestamp")), 'values', json_agg(array_replace("values", 'NaN', NULL))) FROM (
    SELECT "timestamp", "values" FROM public.features
    WHERE catalog_id = (q ->> 'catalog')::bigint
      AND "timestamp" > der.moment((q ->> 'after')::bigint) AND "timestamp" < der.moment((q ->> 'end')::bigint)
    ORDER BY "timestamp" LIMIT (q ->> 'limit')::integer
  ) AS page
$$;

CREATE FUNCTION der.rest_read_features_extent(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_array(der.micros(min("timestamp")), der.micros(max("timestamp")), count(*))
  FROM public.features WHERE catalog_id = (q ->> 'catalog')::bigint
$$;

-- Forecasts

CREATE FUNCTION der.rest_write_forecasts(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$
  WITH put AS (
    INSERT INTO public.forecasts (
      run, site_id, target, issued_at, data_as_of, model_name, model_version, skill, degraded, start, step, steps, levels, "values"
    )
    SELECT head ->> 'run', r.site_id, r.target, der.moment(r.issued_at), der.moment(r.data_as_of), r.model_name, r.model_version, r.skill,
      r.degraded, der.moment(r.start), r.step * interval '1 microsecond', r.steps, r.levels, r."values"
    FROM unnest(bodies) AS part, json_to_recordset(part) AS r (
      site_id text, target text, issued_at bigint, data_as_of bigint, model_name text, model_version text, skill double precision,
      degraded text[], start bigint, step bigint, steps integer, levels double precision[], "values" double precision[]
    )
    ON CONFLICT (site_id, target, run, issued_at) DO UPDATE SET
      data_as_of = excluded.data_as_of, model_name = excluded.model_name, model_version = excluded.model_version,
      skill = excluded.skill, degraded = excluded.degraded, start = excluded.start, step = excluded.step, steps = excluded.steps,
      levels = excluded.levels, "values" = excluded."values"
    RETURNING 1
  )
  SELECT to_jsonb(count(*)) FROM put
$$;

CREATE FUNCTION der.rest_read_forecast(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_object(
    'site_id', site_id, 'target', target, 'issued_at', der.micros(issued_at), 'data_as_of', der.micros(data_as_of),
    'model_name', model_name, 'model_version', model_version, 'skill', skill, 'degraded', degraded, 'start', der.micros(start),
    'step', (extract(epoch FROM step) * 1000000)::bigint, 'steps', steps, 'levels', levels, 'values', "values"
  ) FROM public.forecasts
  WHERE run = q ->> 'run' AND site_id = q ->> 'site_id' AND target = q ->> 'target'
    AND (q ->> 'as_of' IS NULL OR issued_at <= der.moment((q ->> 'as_of')::bigint))
  ORDER BY issued_at DESC LIMIT 1
$$;

CREATE FUNCTION der.rest_read_issued(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_object('issued_at', json_agg(der.micros(issued_at))) FROM (
    SELECT issued_at FROM public.forecasts
    WHERE run = q ->> 'run' AND site_id = q ->> 'site_id' AND target = q ->> 'target'
      AND issued_at > der.moment((q ->> 'after')::bigint) AND issued_at < der.moment((q ->> 'end')::bigint)
    ORDER BY issued_at LIMIT (q ->> 'limit')::integer
  ) AS page
$$;

-- Schedules and savings

CREATE FUNCTION der.rest_write_schedule(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$
  INSERT INTO public.schedules (schedule_id, site_id, issued_at, document)
  VALUES (head ->> 'schedule_id', head ->> 'site_id', der.moment((head ->> 'issued_at')::bigint), (head ->> 'document')::jsonb)
  ON CONFLICT (schedule_id) DO UPDATE SET site_id = excluded.site_id, issued_at = excluded.issued_at, document = excluded.document
  RETURNING 'true'::jsonb
$$;

CREATE FUNCTION der.rest_read_schedule(q json) RETURNS json
LANGUAGE sql STABLE
AS $$ SELECT to_json(document::text) FROM public.schedules WHERE schedule_id = q ->> 'schedule_id' $$;

CREATE FUNCTION der.rest_read_latest_schedule(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT to_json(document::text) FROM public.schedules
  WHERE site_id = q ->> 'site_id' AND (q ->> 'as_of' IS NULL OR issued_at <= der.moment((q ->> 'as_of')::bigint))
  ORDER BY issued_at DESC LIMIT 1
$$;

CREATE FUNCTION der.rest_read_schedule_ids(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_agg(schedule_id) FROM (
    SELECT schedule_id FROM public.schedules WHERE site_id = q ->> 'site_id' ORDER BY issued_at DESC LIMIT (q ->> 'limit')::integer
  ) AS page
$$;

CREATE FUNCTION der.rest_write_savings(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$
  INSERT INTO public.savings (site_id, made_at, start, "end", document)
  VALUES (
    head ->> 'site_id', der.moment((head ->> 'made_at')::bigint), der.moment((head ->> 'start')::bigint),
    der.moment((head ->> 'end')::bigint), (head ->> 'document')::jsonb
  )
  ON CONFLICT (site_id, made_at, start, "end") DO UPDATE SET document = excluded.document
  RETURNING 'true'::jsonb
$$;

CREATE FUNCTION der.rest_read_savings(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT to_json(document::text) FROM public.savings WHERE site_id = q ->> 'site_id' ORDER BY made_at DESC, "end" DESC, start LIMIT 1
$$;

-- Progress

CREATE FUNCTION der.rest_write_progress(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$
  SELECT der.put_progress(ROW(
    p.step, p.site_id, der.moment(p.watermark), der.moment(p.updated_at), p.rows, p.rejected, p.last_error, p.digest
  )::public.progress) FROM json_to_record(head) AS p (
    step text, site_id text, watermark bigint, updated_at bigint, rows bigint, rejected bigint, last_error text, digest text
  );
  SELECT 'true'::jsonb
$$;

-- The progress of a step, of one site or (null) of a page of them.
CREATE FUNCTION der.rest_read_progress(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_object(
    'step', json_agg(step), 'site_id', json_agg(site_id), 'watermark', json_agg(der.micros(watermark)),
    'updated_at', json_agg(der.micros(updated_at)), 'rows', json_agg(rows), 'rejected', json_agg(rejected),
    'last_error', json_agg(last_error), 'digest', json_agg(digest)
  ) FROM (
    SELECT * FROM public.progress
    WHERE step = q ->> 'step' AND (q ->> 'site_id' IS NULL OR site_id = q ->> 'site_id') AND site_id > q ->> 'after'
    ORDER BY site_id LIMIT (q ->> 'limit')::integer
  ) AS page
$$;

-- Whoever may write the tables may ask for it this way; Supabase would let everybody.
DO $$
DECLARE
  made record;
  role_name name;
BEGIN
  FOR made IN
    SELECT oid::regprocedure AS name FROM pg_proc
    WHERE (pronamespace = 'public'::regnamespace AND proname IN ('der_stage', 'der_write', 'der_read'))
      OR (pronamespace = 'der'::regnamespace
        AND (proname LIKE 'rest\_%' OR proname IN ('moment', 'moments', 'micros', 'begin_call', 'end_call', 'parts_of')))
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made.name);
    FOR role_name IN SELECT rolname FROM pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role') LOOP
      EXECUTE format('REVOKE ALL ON FUNCTION %s FROM %I', made.name, role_name);
    END LOOP;
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO der_service, der_sync', made.name);
  END LOOP;
END
$$;
