-- Weather of places as it was forecast. No reader sees it: which places are asked for tells where homes stand.

-- every issue is kept: as_of asks for what was known then
-- values: one for each variable of the program's list, in its order, NaN for missing
CREATE TABLE public.weather (
  place text COLLATE "C" NOT NULL,
  "timestamp" timestamptz NOT NULL,
  issued_at timestamptz NOT NULL,
  "values" double precision[] NOT NULL,
  PRIMARY KEY (place, "timestamp", issued_at)
);
SELECT der.guard('public.weather', NULL), der.let_sync('public.weather', 'SELECT');

-- Upserts weather of a place, each key once, `numbers` row after row; returns the rows that are new or changed.
CREATE FUNCTION der.put_weather(at_place text, stamps timestamptz[], issued timestamptz[], numbers double precision[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  width integer := cardinality(numbers) / greatest(cardinality(stamps), 1);
  changed bigint;
BEGIN
  INSERT INTO public.weather AS w (place, "timestamp", issued_at, "values")
  SELECT at_place, g.a, g.b, (SELECT array_agg(v ORDER BY i) FROM unnest(numbers[(g.n - 1) * width + 1 : g.n * width]) WITH ORDINALITY AS e (v, i))
  FROM unnest(stamps, issued) WITH ORDINALITY AS g (a, b, n) ORDER BY g.a, g.b
  ON CONFLICT (place, "timestamp", issued_at) DO UPDATE SET "values" = excluded."values" WHERE w."values" IS DISTINCT FROM excluded."values";
  GET DIAGNOSTICS changed = ROW_COUNT;
  RETURN changed;
END
$$;

CREATE FUNCTION der.forget_weather(at_place text, moment timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  gone bigint;
BEGIN
  DELETE FROM public.weather WHERE place = at_place AND "timestamp" < moment;
  GET DIAGNOSTICS gone = ROW_COUNT;
  RETURN gone;
END
$$;

REVOKE ALL ON FUNCTION
  der.put_weather(text, timestamptz[], timestamptz[], double precision[]), der.forget_weather(text, timestamptz)
FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
  der.put_weather(text, timestamptz[], timestamptz[], double precision[]), der.forget_weather(text, timestamptz)
TO der_service, der_sync;
