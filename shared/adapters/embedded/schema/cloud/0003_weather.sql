-- every issue is kept: as_of asks for what was known then
-- values: little-endian float64, one for each of WEATHER_VALUES in its order, NaN for missing
CREATE TABLE weather (
  place TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  issued_at INTEGER NOT NULL,
  "values" BLOB NOT NULL,
  PRIMARY KEY (place, timestamp, issued_at)
) STRICT, WITHOUT ROWID;
