-- instants are microseconds since 1970-01-01T00:00:00Z; NULL is a value that was not measured
CREATE TABLE readings (
  site_id TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  device_id TEXT NOT NULL,
  solar_generation_kw REAL,
  solar_irradiance_w_m2 REAL,
  solar_panel_temp_celsius REAL,
  solar_efficiency_percent REAL,
  battery_soc_percent REAL,
  battery_capacity_kwh REAL,
  battery_power_kw REAL,
  battery_voltage_v REAL,
  battery_temperature_celsius REAL,
  battery_cycles REAL,
  battery_health_percent REAL,
  total_load_kw REAL,
  hvac_kw REAL,
  appliances_kw REAL,
  lighting_kw REAL,
  ev_charging_kw REAL,
  other_kw REAL,
  price_per_kwh REAL,
  feed_in_tariff REAL,
  demand_charge REAL,
  carbon_intensity_g_kwh REAL,
  net_grid_flow_kw REAL,
  time_of_use_period TEXT,
  quality INTEGER NOT NULL,
  stored_at INTEGER NOT NULL,
  PRIMARY KEY (site_id, timestamp, device_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX readings_by_stored_at ON readings (site_id, stored_at, timestamp);

-- kept in step by every write of readings, so that no question about a device scans its readings
CREATE TABLE devices (
  site_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  PRIMARY KEY (site_id, device_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
  id INTEGER PRIMARY KEY,
  site_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  timestamp TEXT NOT NULL,
  reason TEXT NOT NULL,
  document TEXT NOT NULL,
  stored_at INTEGER NOT NULL,
  UNIQUE (site_id, device_id, timestamp, reason)
) STRICT;
CREATE INDEX quarantine_by_stored_at ON quarantine (stored_at);

CREATE TABLE sites (
  site_id TEXT PRIMARY KEY NOT NULL,
  document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tariffs (
  site_id TEXT PRIMARY KEY NOT NULL REFERENCES sites ON DELETE CASCADE,
  document TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- every publication is kept: as_of asks for what was known then
CREATE TABLE prices (
  series_id TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  published_at INTEGER NOT NULL,
  price_per_kwh REAL,
  PRIMARY KEY (series_id, timestamp, published_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE feature_catalogs (
  catalog_id INTEGER PRIMARY KEY,
  site_id TEXT NOT NULL,
  version TEXT NOT NULL,
  document TEXT NOT NULL,
  written INTEGER NOT NULL,  -- counts writes: the greatest is the newest catalog of its site
  UNIQUE (site_id, version)
) STRICT;

-- values: little-endian float64, one for each feature of the catalog, NaN for missing
CREATE TABLE features (
  catalog_id INTEGER NOT NULL REFERENCES feature_catalogs ON DELETE CASCADE,
  timestamp INTEGER NOT NULL,
  "values" BLOB NOT NULL,
  PRIMARY KEY (catalog_id, timestamp)
) STRICT, WITHOUT ROWID;

-- levels and values: little-endian float64, values of shape (levels, steps)
CREATE TABLE forecasts (
  run TEXT NOT NULL,
  site_id TEXT NOT NULL,
  target TEXT NOT NULL,
  issued_at INTEGER NOT NULL,
  data_as_of INTEGER NOT NULL,
  model_name TEXT NOT NULL,
  model_version TEXT NOT NULL,
  skill REAL,
  degraded TEXT NOT NULL,
  start INTEGER NOT NULL,
  step INTEGER NOT NULL,
  steps INTEGER NOT NULL,
  levels BLOB NOT NULL,
  "values" BLOB NOT NULL,
  PRIMARY KEY (run, site_id, target, issued_at)
) STRICT;

CREATE TABLE schedules (
  schedule_id TEXT PRIMARY KEY NOT NULL,
  site_id TEXT NOT NULL,
  issued_at INTEGER NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX schedules_by_issue ON schedules (site_id, issued_at);

CREATE TABLE savings (
  site_id TEXT NOT NULL,
  made_at INTEGER NOT NULL,
  start INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (site_id, made_at, start, "end")
) STRICT;

CREATE TABLE progress (
  step TEXT NOT NULL,
  site_id TEXT NOT NULL,
  watermark INTEGER,
  updated_at INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  rejected INTEGER NOT NULL,
  last_error TEXT,
  digest TEXT,
  PRIMARY KEY (step, site_id)
) STRICT, WITHOUT ROWID;
