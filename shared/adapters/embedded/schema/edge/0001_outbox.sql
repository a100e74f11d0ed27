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
  PRIMARY KEY (site_id, timestamp, device_id)
) STRICT, WITHOUT ROWID;

-- kept in step by every write of readings, so that no question about a device scans its readings
CREATE TABLE devices (
  site_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  first INTEGER NOT NULL,
  last INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  PRIMARY KEY (site_id, device_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sites (
  site_id TEXT PRIMARY KEY NOT NULL,
  site TEXT NOT NULL,
  tariff TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- every publication is kept: as_of asks for what was known then
CREATE TABLE prices (
  series_id TEXT NOT NULL,
  timestamp INTEGER NOT NULL,
  published_at INTEGER NOT NULL,
  price_per_kwh REAL,
  PRIMARY KEY (series_id, timestamp, published_at)
) STRICT, WITHOUT ROWID;
