-- The cloud store on PostgreSQL 15 or newer, also on Supabase. Tables stand in "public", where its REST API looks; partitions
-- and functions stand in "der". NULL is a value that was not measured. Run as the owner of the database: by
-- `der migrate`, or by pasting what `der migrate --print` prints.

CREATE SCHEMA IF NOT EXISTS der;
REVOKE ALL ON SCHEMA der FROM PUBLIC;

-- der_service: the platform's services, every tenant. der_sync: only adds. der_reader: reads what its tenant owns.
-- They cannot log in; logins are made members of them.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['der_service', 'der_sync', 'der_reader'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', name);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL;  -- roles belong to the whole server: another database was migrated at the same time
      END;
    END IF;
  END LOOP;
  -- row-level security holds for the owner too, who is let in as one of the services
  IF NOT pg_has_role(current_user, 'der_service', 'USAGE') THEN
    EXECUTE format('GRANT der_service TO %I', current_user);
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'authenticated') AND NOT pg_has_role('authenticated', 'der_reader', 'USAGE') THEN
    GRANT der_reader TO authenticated;  -- Supabase's role of a person with a token
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'service_role') AND NOT pg_has_role('service_role', 'der_service', 'USAGE') THEN
    GRANT der_service TO service_role;
  END IF;
END
$$;

GRANT USAGE ON SCHEMA der TO der_service, der_sync, der_reader;
GRANT USAGE ON SCHEMA public TO der_service, der_sync, der_reader;

-- Who asks: the token's tenant where a token is there, else the setting der.tenant; NULL for no tenant.
CREATE FUNCTION der.tenant() RETURNS text
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT CASE
    WHEN nullif(current_setting('request.jwt.claims', true), '') IS NULL THEN nullif(current_setting('der.tenant', true), '')
    ELSE coalesce(
      current_setting('request.jwt.claims', true)::jsonb ->> 'tenant_id',
      -- set by the server alone; what a user may set himself (user_metadata) is never asked
      current_setting('request.jwt.claims', true)::jsonb -> 'app_metadata' ->> 'tenant_id'
    )
  END
$$;

CREATE TABLE public.tenants (
  tenant_id text COLLATE "C" PRIMARY KEY CHECK (tenant_id <> ''),
  name text NOT NULL
);
INSERT INTO public.tenants VALUES ('default', 'Default');

CREATE TABLE public.sites (
  site_id text COLLATE "C" PRIMARY KEY,
  tenant_id text COLLATE "C" NOT NULL REFERENCES public.tenants DEFAULT coalesce(der.tenant(), 'default'),
  document jsonb NOT NULL
);
CREATE INDEX sites_by_tenant ON public.sites (tenant_id);

CREATE FUNCTION der.own_sites() RETURNS text[]
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(array_agg(site_id), '{}') FROM public.sites WHERE tenant_id = der.tenant() $$;

-- Every table of ours passes here: nobody but the services, and readers where the condition holds.
CREATE FUNCTION der.guard(guarded regclass, readers_see text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  role_name name;
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', guarded);
  EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', guarded);
  -- Supabase grants everything to these on every new table of "public"
  FOR role_name IN SELECT rolname FROM pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role') LOOP
    EXECUTE format('REVOKE ALL ON %s FROM %I', guarded, role_name);
  END LOOP;
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO der_service', guarded);
  EXECUTE format('CREATE POLICY service ON %s TO der_service USING (true) WITH CHECK (true)', guarded);
  IF readers_see IS NOT NULL THEN
    EXECUTE format('GRANT SELECT ON %s TO der_reader', guarded);
    EXECUTE format('CREATE POLICY reader ON %s FOR SELECT TO der_reader USING (%s)', guarded, readers_see);
  END IF;
END
$$;

-- What der_sync may do with a table beyond the functions below: SELECT, INSERT or both.
CREATE FUNCTION der.let_sync(guarded regclass, VARIADIC verbs text[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  verb text;
BEGIN
  FOREACH verb IN ARRAY verbs LOOP
    EXECUTE format('GRANT %s ON %s TO der_sync', verb, guarded);
    EXECUTE format(
      'CREATE POLICY sync_%s ON %s FOR %s TO der_sync %s (true)',
      lower(verb), guarded, verb, CASE verb WHEN 'INSERT' THEN 'WITH CHECK' ELSE 'USING' END
    );
  END LOOP;
END
$$;

-- texts that stand in keys are ordered by their bytes: the same everywhere, and quickly compared
CREATE TABLE public.readings (
  site_id text COLLATE "C" NOT NULL,
  "timestamp" timestamptz NOT NULL,
  device_id text COLLATE "C" NOT NULL,
  solar_generation_kw double precision,
  solar_irradiance_w_m2 double precision,
  solar_panel_temp_celsius double precision,
  solar_efficiency_percent double precision,
  battery_soc_percent double precision,
  battery_capacity_kwh double precision,
  battery_power_kw double precision,
  battery_voltage_v double precision,
  battery_temperature_celsius double precision,
  battery_cycles double precision,
  battery_health_percent double precision,
  total_load_kw double precision,
  hvac_kw double precision,
  appliances_kw double precision,
  lighting_kw double precision,
  ev_charging_kw double precision,
  other_kw double precision,
  price_per_kwh double precision,
  feed_in_tariff double precision,
  demand_charge double precision,
  carbon_intensity_g_kwh double precision,
  net_grid_flow_kw double precision,
  time_of_use_period text,
  quality integer NOT NULL,
  stored_at timestamptz NOT NULL,
  PRIMARY KEY (site_id, "timestamp", device_id)
) PARTITION BY RANGE ("timestamp");

-- kept in step by every write of readings, so that no question about a device scans its readings
CREATE TABLE public.devices (
  site_id text COLLATE "C" NOT NULL,
  device_id text COLLATE "C" NOT NULL,
  first timestamptz NOT NULL,
  last timestamptz NOT NULL,
  rows bigint NOT NULL,
  PRIMARY KEY (site_id, device_id)
);

-- One row for each site: locked by who writes its readings, it puts stored_at into the order of the commits.
CREATE TABLE der.site_writes (
  site_id text COLLATE "C" PRIMARY KEY,
  stored_at timestamptz NOT NULL
) WITH (fillfactor = 70);

-- One row for each site and write: which timestamps it brought or changed. An index of readings by stored_at would tell
-- the same, and make every write of them twice as slow.
CREATE TABLE der.reading_writes (
  site_id text COLLATE "C" NOT NULL,
  stored_at timestamptz NOT NULL,
  first timestamptz NOT NULL,
  last timestamptz NOT NULL,
  PRIMARY KEY (site_id, stored_at)
);

CREATE TABLE public.quarantine (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  site_id text COLLATE "C" NOT NULL,
  device_id text COLLATE "C" NOT NULL,
  "timestamp" text NOT NULL,
  reason text NOT NULL,
  document text NOT NULL,
  stored_at timestamptz NOT NULL
);
-- what is refused may be of any length: more than an index of the texts themselves can hold
CREATE UNIQUE INDEX quarantine_once ON public.quarantine ((md5(md5(site_id) || md5(device_id) || md5("timestamp") || md5(reason))));
CREATE INDEX quarantine_by_site ON public.quarantine USING hash (site_id);
CREATE INDEX quarantine_by_stored_at ON public.quarantine (stored_at);

CREATE TABLE public.tariffs (
  site_id text COLLATE "C" PRIMARY KEY REFERENCES public.sites ON DELETE CASCADE,
  document jsonb NOT NULL
);

-- every publication is kept: as_of asks for what was known then
CREATE TABLE public.prices (
  series_id text COLLATE "C" NOT NULL,
  "timestamp" timestamptz NOT NULL,
  published_at timestamptz NOT NULL,
  price_per_kwh double precision,
  PRIMARY KEY (series_id, "timestamp", published_at)
);

CREATE TABLE public.feature_catalogs (
  catalog_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  site_id text COLLATE "C" NOT NULL,
  version text COLLATE "C" NOT NULL,
  document jsonb NOT NULL,
  written bigint NOT NULL,  -- counts writes: the greatest is the newest catalog of its site
  UNIQUE (site_id, version)
);

-- values: one for each feature of the catalog, in its order, NaN for missing
CREATE TABLE public.features (
  catalog_id bigint NOT NULL REFERENCES public.feature_catalogs ON DELETE CASCADE,
  "timestamp" timestamptz NOT NULL,
  "values" double precision[] NOT NULL,
  PRIMARY KEY (catalog_id, "timestamp")
);

-- values: a row for each level, a column for each step
CREATE TABLE public.forecasts (
  run text COLLATE "C" NOT NULL,
  site_id text COLLATE "C" NOT NULL,
  target text COLLATE "C" NOT NULL,
  issued_at timestamptz NOT NULL,
  data_as_of timestamptz NOT NULL,
  model_name text NOT NULL,
  model_version text NOT NULL,
  skill double precision,
  degraded text[] NOT NULL,
  start timestamptz NOT NULL,
  step interval NOT NULL,
  steps integer NOT NULL,
  levels double precision[] NOT NULL,
  "values" double precision[] NOT NULL,
  PRIMARY KEY (site_id, target, run, issued_at)
);

CREATE TABLE public.schedules (
  schedule_id text COLLATE "C" PRIMARY KEY,
  site_id text COLLATE "C" NOT NULL,
  issued_at timestamptz NOT NULL,
  document jsonb NOT NULL
);
CREATE INDEX schedules_by_issue ON public.schedules (site_id, issued_at);

CREATE TABLE public.savings (
  site_id text COLLATE "C" NOT NULL,
  made_at timestamptz NOT NULL,
  start timestamptz NOT NULL,
  "end" timestamptz NOT NULL,
  document jsonb NOT NULL,
  PRIMARY KEY (site_id, made_at, start, "end")
);

CREATE TABLE public.progress (
  step text COLLATE "C" NOT NULL,
  site_id text COLLATE "C" NOT NULL,
  watermark timestamptz,
  updated_at timestamptz NOT NULL,
  rows bigint NOT NULL,
  rejected bigint NOT NULL,
  last_error text,
  digest text,
  PRIMARY KEY (step, site_id)
);

DO $$
DECLARE
  own_site constant text := 'site_id = ANY ((SELECT der.own_sites())::text[])';  -- asked once for each query
  name text;
BEGIN
  PERFORM der.guard('public.tenants', 'tenant_id = (SELECT der.tenant())');
  PERFORM der.guard('public.sites', 'tenant_id = (SELECT der.tenant())');
  FOREACH name IN ARRAY ARRAY[
    'readings', 'devices', 'quarantine', 'tariffs', 'feature_catalogs', 'forecasts', 'schedules', 'savings', 'progress'
  ] LOOP
    PERFORM der.guard(format('public.%I', name)::regclass, own_site);
  END LOOP;
  PERFORM der.guard('public.features', 'catalog_id IN (SELECT catalog_id FROM public.feature_catalogs)');
  PERFORM der.guard('public.prices', 'true');  -- markets are nobody's own
  PERFORM der.guard('der.site_writes', NULL);
  PERFORM der.guard('der.reading_writes', own_site);

  PERFORM der.let_sync('public.readings', 'SELECT', 'INSERT');
  PERFORM der.let_sync('public.quarantine', 'SELECT', 'INSERT');
  PERFORM der.let_sync('der.reading_writes', 'SELECT');
  FOREACH name IN ARRAY ARRAY['sites', 'tariffs', 'devices', 'prices', 'progress'] LOOP
    PERFORM der.let_sync(format('public.%I', name)::regclass, 'SELECT');
  END LOOP;
END
$$;

-- The partition of a month, made when it is missing; by whom first, whoever else wants it waits and finds it.
CREATE FUNCTION der.make_readings_partition(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  first date := date_trunc('month', month::timestamp)::date;
  part text := format('readings_%s', to_char(first, 'YYYY_MM'));
BEGIN
  IF first < '2000-01-01' OR first >= '3000-01-01' THEN
    RAISE EXCEPTION 'timestamp is in %: must be from 2000 to 2999', to_char(first, 'YYYY-MM') USING ERRCODE = 'datetime_field_overflow';
  END IF;
  LOCK TABLE public.readings IN SHARE UPDATE EXCLUSIVE MODE;  -- hinders neither readers nor writers
  IF to_regclass(format('der.%I', part)) IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE format('CREATE TABLE der.%I (LIKE public.readings)', part);
  -- whoever may add readings copies them straight into a partition, for COPY knows no row-level security;
  -- nothing else is granted here, all other ways go through the whole table and its policies
  EXECUTE format('REVOKE ALL ON der.%I FROM PUBLIC', part);
  EXECUTE format('GRANT INSERT ON der.%I TO der_service, der_sync', part);
  -- attached, not made as a partition: that would lock out every reader and writer meanwhile
  EXECUTE format(
    'ALTER TABLE public.readings ATTACH PARTITION der.%I FOR VALUES FROM (%L) TO (%L)',
    part, first::text || ' 00:00:00+00', (first + interval '1 month')::date::text || ' 00:00:00+00'
  );
END
$$;

-- Begins a write of readings, cut into groups: one for each site and device, from `firsts` to `lasts` with `counts` rows.
-- Makes the partitions of `months`; locks the sites until the transaction ends. Answers with the moment under which
-- each group is stored: the given one, or just after the newest write of its site. A group is fresh when all of it is
-- newer or older than what its device has: then none of its rows can be there, and devices know of it already.
-- Without `trusting` no group is.
CREATE FUNCTION der.begin_readings(
  sites text[], devices text[], firsts timestamptz[], lasts timestamptz[], counts bigint[], months date[], given timestamptz,
  trusting boolean DEFAULT true
) RETURNS TABLE (stored_at timestamptz, fresh boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
  PERFORM der.make_readings_partition(month)
  FROM unnest(months) AS month WHERE to_regclass('der.readings_' || to_char(month, 'YYYY_MM')) IS NULL ORDER BY month;
  INSERT INTO der.site_writes AS w (site_id, stored_at)
  SELECT DISTINCT site_id, given FROM unnest(sites) AS site_id ORDER BY site_id  -- in one order: nobody waits in a circle
  ON CONFLICT (site_id) DO UPDATE SET stored_at = greatest(w.stored_at + interval '1 microsecond', excluded.stored_at);
  -- a statement of its own: it sees what those have written for whom the one above had to wait
  RETURN QUERY
  WITH judged AS (
    SELECT g.*, trusting AND (d.first IS NULL OR g.first > d.last OR g.last < d.first) AS fresh
    FROM unnest(sites, devices, firsts, lasts, counts) WITH ORDINALITY AS g (site_id, device_id, first, last, rows, position)
    LEFT JOIN public.devices AS d ON d.site_id = g.site_id AND d.device_id = g.device_id
  ), noted AS (
    INSERT INTO public.devices AS d (site_id, device_id, first, last, rows)
    SELECT site_id, device_id, first, last, rows FROM judged WHERE fresh ORDER BY site_id, device_id
    ON CONFLICT (site_id, device_id) DO UPDATE
    SET first = least(d.first, excluded.first), last = greatest(d.last, excluded.last), rows = d.rows + excluded.rows
  ), journal AS (
    INSERT INTO der.reading_writes (site_id, stored_at, first, last)
    SELECT j.site_id, w.stored_at, min(j.first), max(j.last) FROM judged AS j JOIN der.site_writes AS w ON w.site_id = j.site_id
    WHERE j.fresh GROUP BY j.site_id, w.stored_at
  )
  SELECT w.stored_at, j.fresh FROM judged AS j JOIN der.site_writes AS w ON w.site_id = j.site_id ORDER BY j.position;
END
$$;

-- Where a session puts readings that may be stored already, for merge_readings.
CREATE FUNCTION der.stage_readings() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF to_regclass('pg_temp.incoming') IS NULL THEN
    CREATE TEMPORARY TABLE incoming (LIKE public.readings) ON COMMIT DELETE ROWS;
    GRANT INSERT ON pg_temp.incoming TO PUBLIC;  -- in this session there is nobody else
  END IF;
END
$$;

-- Inserts what is staged, and replaces what differs; rows that are equal keep their stored_at.
CREATE FUNCTION der.merge_readings(OUT inserted bigint, OUT updated bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- a table, or view, of the caller's own making would run the caller's code with the rights of this function
  IF NOT EXISTS (
    SELECT FROM pg_class WHERE oid = to_regclass('pg_temp.incoming') AND relkind = 'r' AND relowner = current_user::regrole
  ) THEN
    RAISE EXCEPTION 'pg_temp.incoming is not of der.stage_readings' USING ERRCODE = 'insufficient_privilege';
  END IF;
  WITH new AS (
    INSERT INTO public.readings SELECT * FROM pg_temp.incoming ORDER BY site_id, "timestamp", device_id
    ON CONFLICT DO NOTHING RETURNING site_id, device_id, "timestamp", stored_at
  ), journal AS (
    INSERT INTO der.reading_writes AS w (site_id, stored_at, first, last)
    SELECT site_id, stored_at, min("timestamp"), max("timestamp") FROM new GROUP BY site_id, stored_at
    ON CONFLICT (site_id, stored_at) DO UPDATE SET first = least(w.first, excluded.first), last = greatest(w.last, excluded.last)
  ), grouped AS (
    SELECT site_id, device_id, min("timestamp") AS first, max("timestamp") AS last, count(*) AS rows FROM new GROUP BY site_id, device_id
  ), noted AS (
    INSERT INTO public.devices AS d (site_id, device_id, first, last, rows) SELECT * FROM grouped ORDER BY site_id, device_id
    ON CONFLICT (site_id, device_id) DO UPDATE
    SET first = least(d.first, excluded.first), last = greatest(d.last, excluded.last), rows = d.rows + excluded.rows
  )
  SELECT coalesce(sum(rows), 0) INTO inserted FROM grouped;
  WITH changed AS (
    INSERT INTO public.readings AS r SELECT * FROM pg_temp.incoming ORDER BY site_id, "timestamp", device_id
    ON CONFLICT (site_id, "timestamp", device_id) DO UPDATE SET
      solar_generation_kw = excluded.solar_generation_kw,
      solar_irradiance_w_m2 = excluded.solar_irradiance_w_m2,
      solar_panel_temp_celsius = excluded.solar_panel_temp_celsius,
      solar_efficiency_percent = excluded.solar_efficiency_percent,
      battery_soc_percent = excluded.battery_soc_percent,
      battery_capacity_kwh = excluded.battery_capacity_kwh,
      battery_power_kw = excluded.battery_power_kw,
      battery_voltage_v = excluded.battery_voltage_v,
      battery_temperature_celsius = excluded.battery_temperature_celsius,
      battery_cycles = excluded.battery_cycles,
      battery_health_percent = excluded.battery_health_percent,
      total_load_kw = excluded.total_load_kw,
      hvac_kw = excluded.hvac_kw,
      appliances_kw = excluded.appliances_kw,
      lighting_kw = excluded.lighting_kw,
      ev_charging_kw = excluded.ev_charging_kw,
      other_kw = excluded.other_kw,
      price_per_kwh = excluded.price_per_kwh,
      feed_in_tariff = excluded.feed_in_tariff,
      demand_charge = excluded.demand_charge,
      carbon_intensity_g_kwh = excluded.carbon_intensity_g_kwh,
      net_grid_flow_kw = excluded.net_grid_flow_kw,
      time_of_use_period = excluded.time_of_use_period,
      quality = excluded.quality,
      stored_at = excluded.stored_at
    WHERE (
      r.solar_generation_kw, r.solar_irradiance_w_m2, r.solar_panel_temp_celsius, r.solar_efficiency_percent, r.battery_soc_percent,
      r.battery_capacity_kwh, r.battery_power_kw, r.battery_voltage_v, r.battery_temperature_celsius, r.battery_cycles,
      r.battery_health_percent, r.total_load_kw, r.hvac_kw, r.appliances_kw, r.lighting_kw, r.ev_charging_kw, r.other_kw,
      r.price_per_kwh, r.feed_in_tariff, r.demand_charge, r.carbon_intensity_g_kwh, r.net_grid_flow_kw, r.time_of_use_period, r.quality
    ) IS DISTINCT FROM (
      excluded.solar_generation_kw, excluded.solar_irradiance_w_m2, excluded.solar_panel_temp_celsius,
      excluded.solar_efficiency_percent, excluded.battery_soc_percent, excluded.battery_capacity_kwh, excluded.battery_power_kw,
      excluded.battery_voltage_v, excluded.battery_temperature_celsius, excluded.battery_cycles, excluded.battery_health_percent,
      excluded.total_load_kw, excluded.hvac_kw, excluded.appliances_kw, excluded.lighting_kw, excluded.ev_charging_kw,
      excluded.other_kw, excluded.price_per_kwh, excluded.feed_in_tariff, excluded.demand_charge, excluded.carbon_intensity_g_kwh,
      excluded.net_grid_flow_kw, excluded.time_of_use_period, excluded.quality
    )
    RETURNING r.site_id, r."timestamp", r.stored_at
  ), journal AS (
    INSERT INTO der.reading_writes AS w (site_id, stored_at, first, last)
    SELECT site_id, stored_at, min("timestamp"), max("timestamp") FROM changed GROUP BY site_id, stored_at
    ON CONFLICT (site_id, stored_at) DO UPDATE SET first = least(w.first, excluded.first), last = greatest(w.last, excluded.last)
  )
  SELECT count(*) INTO updated FROM changed;
END
$$;

-- From the first to the last timestamp stored or changed after a moment, and the newest such moment; all NULL for none.
CREATE FUNCTION der.readings_changed(site text, moment timestamptz, OUT first timestamptz, OUT last timestamptz, OUT newest timestamptz)
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $$
  SELECT min(w.first), max(w.last), max(w.stored_at) FROM der.reading_writes AS w WHERE w.site_id = site AND w.stored_at > moment
$$;

-- Drops every partition that ends at or before a moment, and tells devices; returns how many rows are gone.
CREATE FUNCTION der.drop_readings_before(moment timestamptz) RETURNS bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  part record;
  gone bigint;
  total bigint := 0;
BEGIN
  FOR part IN
    SELECT c.oid::regclass AS name, to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' AS ends
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = 'public.readings'::regclass ORDER BY c.relname
  LOOP
    CONTINUE WHEN part.ends > moment AT TIME ZONE 'UTC';
    EXECUTE format('LOCK TABLE %s IN ACCESS EXCLUSIVE MODE', part.name);
    EXECUTE format(
      'WITH gone AS (SELECT site_id, device_id, count(*) AS rows FROM %s GROUP BY site_id, device_id),'
      ' noted AS (UPDATE public.devices AS d SET rows = d.rows - gone.rows FROM gone'
      '   WHERE d.site_id = gone.site_id AND d.device_id = gone.device_id)'
      ' SELECT coalesce(sum(rows), 0) FROM gone', part.name
    ) INTO gone;
    EXECUTE format('DROP TABLE %s', part.name);
    total := total + gone;
  END LOOP;
  DELETE FROM public.devices WHERE rows = 0;
  UPDATE public.devices AS d SET first = (
    SELECT min(r."timestamp") FROM public.readings AS r WHERE r.site_id = d.site_id AND r.device_id = d.device_id
  ) WHERE d.first < moment AND total > 0;
  DELETE FROM der.reading_writes AS w WHERE w.last < (
    SELECT coalesce(min(d.first), 'infinity') FROM public.devices AS d WHERE d.site_id = w.site_id
  );
  RETURN total;
END
$$;

-- Creates or replaces a site; true when something changed. A site stays with its tenant.
CREATE FUNCTION der.put_site(id text, body jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  owner text;
BEGIN
  INSERT INTO public.sites AS s (site_id, document) VALUES (id, body)
  ON CONFLICT (site_id) DO UPDATE SET document = excluded.document
  WHERE s.document <> excluded.document AND s.tenant_id = coalesce(der.tenant(), s.tenant_id);
  IF FOUND THEN
    RETURN true;
  END IF;
  SELECT tenant_id INTO owner FROM public.sites WHERE site_id = id;
  IF owner <> der.tenant() THEN
    RAISE EXCEPTION 'site % belongs to another tenant', id USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN false;
END
$$;

-- Removes a site and all that belongs to it; whether there was such a site.
CREATE FUNCTION der.remove_site(id text) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  name text;
BEGIN
  DELETE FROM public.jobs WHERE site_id = id;  -- first: from now on their workers write nothing more
  -- the lock of who writes its readings, also of its first ones: nothing comes in between one table and the next
  INSERT INTO der.site_writes AS w (site_id, stored_at) VALUES (id, '-infinity')
  ON CONFLICT (site_id) DO UPDATE SET stored_at = w.stored_at;
  FOREACH name IN ARRAY ARRAY[
    'public.readings', 'public.devices', 'der.reading_writes', 'der.site_writes', 'public.quarantine', 'public.tariffs',
    'public.feature_catalogs', 'public.forecasts', 'public.schedules', 'public.savings', 'public.progress'
  ] LOOP
    EXECUTE format('DELETE FROM %s WHERE site_id = $1', name) USING id;
  END LOOP;
  DELETE FROM public.sites WHERE site_id = id;
  RETURN FOUND;
END
$$;

-- Creates or replaces the tariff of a site; true when something changed, NULL for an unknown site.
CREATE FUNCTION der.put_tariff(id text, body jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM FROM public.sites WHERE site_id = id AND tenant_id = coalesce(der.tenant(), tenant_id) FOR KEY SHARE;
  IF NOT FOUND THEN
    RETURN NULL;
  END IF;
  INSERT INTO public.tariffs AS t (site_id, document) VALUES (id, body)
  ON CONFLICT (site_id) DO UPDATE SET document = excluded.document WHERE t.document <> excluded.document;
  RETURN FOUND;
END
$$;

-- Upserts prices of a series, each key once; returns the rows that are new or changed.
CREATE FUNCTION der.put_prices(series text, stamps timestamptz[], published timestamptz[], price double precision[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  changed bigint;
BEGIN
  INSERT INTO public.prices AS p (series_id, "timestamp", published_at, price_per_kwh)
  SELECT series, g.* FROM unnest(stamps, published, price) AS g (a, b, c) ORDER BY g.a, g.b
  ON CONFLICT (series_id, "timestamp", published_at) DO UPDATE SET price_per_kwh = excluded.price_per_kwh
  WHERE p.price_per_kwh IS DISTINCT FROM excluded.price_per_kwh;
  GET DIAGNOSTICS changed = ROW_COUNT;
  RETURN changed;
END
$$;

-- Creates or replaces a step's progress.
CREATE FUNCTION der.put_progress(state public.progress) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO public.progress VALUES (state.*)
  ON CONFLICT (step, site_id) DO UPDATE SET watermark = excluded.watermark, updated_at = excluded.updated_at,
    rows = excluded.rows, rejected = excluded.rejected, last_error = excluded.last_error, digest = excluded.digest;
END
$$;

-- A function belongs to everybody when it is made.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA der FROM PUBLIC;
GRANT EXECUTE ON FUNCTION der.tenant(), der.own_sites(), der.readings_changed(text, timestamptz) TO der_service, der_sync, der_reader;
GRANT EXECUTE ON FUNCTION
  der.begin_readings(text[], text[], timestamptz[], timestamptz[], bigint[], date[], timestamptz, boolean),
  der.stage_readings(), der.merge_readings(), der.put_site(text, jsonb), der.put_tariff(text, jsonb),
  der.put_prices(text, timestamptz[], timestamptz[], double precision[]), der.put_progress(public.progress)
TO der_service, der_sync;
GRANT EXECUTE ON FUNCTION der.remove_site(text) TO der_service;

-- Which of these files this database has. Every login may ask, and only the owner writes.
CREATE TABLE der.migrations (
  version integer PRIMARY KEY,
  name text NOT NULL,
  checksum text NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT ON der.migrations TO der_service, der_sync, der_reader;
