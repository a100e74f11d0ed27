-- Weather over Supabase's REST API, as 0002 does it for the other tables.

CREATE FUNCTION der.rest_write_weather(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$
  SELECT coalesce(to_jsonb(sum(der.put_weather(
    head ->> 'place', der.moments(c."timestamp"), der.moments(c.issued_at), array_replace(c."values", NULL, 'NaN')
  ))), '0')
  FROM unnest(bodies) AS part,
    json_to_record(part) AS c ("timestamp" bigint[], issued_at bigint[], "values" double precision[])
$$;

CREATE FUNCTION der.rest_write_weather_forgotten(head json, bodies json[]) RETURNS jsonb
LANGUAGE sql
AS $$
  SELECT to_jsonb(der.forget_weather(head ->> 'place', der.moment((head ->> 'before')::bigint)))
$$;

-- A page: the newest issue of each timestamp after one, known at a moment (null: any) and so long ahead (null: any).
CREATE FUNCTION der.rest_read_weather(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_object(
    'timestamp', json_agg(der.micros("timestamp")), 'issued_at', json_agg(der.micros(issued_at)),
    'values', json_agg(array_replace("values", 'NaN', NULL))
  ) FROM (
    SELECT DISTINCT ON ("timestamp") "timestamp", issued_at, "values" FROM public.weather
    WHERE place = q ->> 'place' AND "timestamp" > der.moment((q ->> 'after')::bigint) AND "timestamp" < der.moment((q ->> 'end')::bigint)
      AND (q ->> 'as_of' IS NULL OR issued_at <= der.moment((q ->> 'as_of')::bigint))
      AND (q ->> 'ahead' IS NULL OR issued_at <= "timestamp" - (q ->> 'ahead')::bigint * interval '1 microsecond')
    ORDER BY "timestamp", issued_at DESC LIMIT (q ->> 'limit')::integer
  ) AS page
$$;

CREATE FUNCTION der.rest_read_weather_extent(q json) RETURNS json
LANGUAGE sql STABLE
AS $$
  SELECT json_build_array(der.micros(min("timestamp")), der.micros(max("timestamp")), der.micros(max(issued_at)))
  FROM public.weather WHERE place = q ->> 'place'
$$;

DO $$
DECLARE
  made regprocedure;
BEGIN
  FOR made IN SELECT oid FROM pg_proc WHERE pronamespace = 'der'::regnamespace AND proname LIKE 'rest\_%\_weather%' LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', made);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO der_service, der_sync', made);
  END LOOP;
END
$$;
