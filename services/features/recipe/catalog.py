"""Every feature with its unit, when it can be known, and what it is."""

import hashlib

from services.features.recipe.grid import DOUBTS
from shared.domain.feature import Availability, FeatureCatalog, FeatureSpec

REVISION = 3
"""Raise it when a feature's values change though its words do not."""

AFTER, AHEAD, ANNOUNCED = Availability.AFTER_STEP, Availability.AHEAD, Availability.ANNOUNCED


def catalog(*, window_days: int) -> FeatureCatalog:
    """The columns of a feature table with rolling windows of so many days. Equal catalogs have equal versions."""
    days = f"{window_days}d"
    forecast = "as forecast a day before (a step to come: by the newest forecast)"
    words = (
        ("load_kw", "kW", AFTER, "mean consumption, EV included, defects left out"),
        ("solar_kw", "kW", AFTER, "mean generation, defects left out"),
        ("battery_power_kw", "kW", AFTER, "mean battery power, above 0 charging"),
        ("ev_kw", "kW", AFTER, "mean power of EV charging, part of load_kw"),
        ("quality", "1", AFTER, "share of the step with good samples of load (and of solar where there is an array)"),
        ("quality_flags", "1", AFTER, f"sum of what is doubtful about the step's measurements: {_told()}"),
        ("hour_local", "h", AHEAD, "wall clock at the start of the step"),
        ("minute_of_day", "min", AHEAD, "wall clock since local midnight"),
        ("hour_sin", "1", AHEAD, "sine of the time of day"),
        ("hour_cos", "1", AHEAD, "cosine of the time of day"),
        ("weekday", "1", AHEAD, "local weekday, Monday is 0"),
        ("is_weekend", "1", AHEAD, "1 on Saturday and Sunday"),
        (
            "is_holiday",
            "1",
            AHEAD,
            "1 on public holidays of the tariff's calendar, else of the country of the site's time zone",
        ),
        ("is_bridge_day", "1", AHEAD, "1 on working days between two free ones"),
        ("utc_offset_hours", "h", AHEAD, "by which local time is ahead of UTC: a change tells of daylight saving"),
        ("year_sin", "1", AHEAD, "sine of the time of year"),
        ("year_cos", "1", AHEAD, "cosine of the time of year"),
        ("sun_elevation_deg", "degree", AHEAD, "mean elevation of the sun; NaN without coordinates"),
        ("sun_azimuth_deg", "degree", AHEAD, "mean direction of the sun, clockwise from north; NaN without coordinates"),
        ("daylight_hours", "h", AHEAD, "from sunrise to sunset on that day; NaN without coordinates"),
        ("clear_sky_kw", "kW", AHEAD, "AC power under a clear sky; without coordinates the 95th percentile of 14 days at this time of day"),
        ("solar_capacity_kw", "kW", AHEAD, "rated power of the site's array; 0 without one"),
        ("battery_capacity_kwh", "kWh", AHEAD, "capacity of the site's battery; 0 without one"),
        ("ev_charge_rate_kw", "kW", AHEAD, "greatest power of the site's charge point; 0 without one"),
        ("temperature_celsius", "degree C", ANNOUNCED, f"air temperature, {forecast}"),
        ("temperature_mean_24h_celsius", "degree C", ANNOUNCED, f"mean air temperature of the last 24 hours, {forecast}"),
        ("heating_kelvin", "K", ANNOUNCED, "by how much the air is colder than 15 degrees"),
        ("cooling_kelvin", "K", ANNOUNCED, "by how much the air is warmer than 22 degrees"),
        ("cloud_cover_percent", "%", ANNOUNCED, f"cloud cover, {forecast}"),
        ("wind_speed_m_s", "m/s", ANNOUNCED, f"wind at 10 m, {forecast}"),
        ("ghi_w_m2", "W/m2", ANNOUNCED, f"global horizontal irradiance, {forecast}; an hour's mean in the shape of a clear sky"),
        ("clear_sky_index", "1", ANNOUNCED, "the hour's ghi_w_m2 over that of a clear sky, 0 to 1.5; NaN when the sun is low"),
        (
            "weather_solar_kw",
            "kW",
            ANNOUNCED,
            "AC power of the site's array in the plane of its panels in that light; NaN without array or place",
        ),
        ("weather_known_ahead_hours", "h", ANNOUNCED, "from the issue of the row's weather to the start of the step"),
        (
            "weather_is_perfect",
            "1",
            ANNOUNCED,
            "1 where the row's weather was known only after the step began: observed, so a test with it flatters",
        ),
        ("price_per_kwh", "currency/kWh", ANNOUNCED, "import price: the raw series of a dynamic tariff, else the price itself"),
        ("export_price_per_kwh", "currency/kWh", ANNOUNCED, "what is paid for a kWh exported"),
        ("price_known_ahead_hours", "h", ANNOUNCED, "from the import price's publication to the start of the step"),
        (f"price_mean_{days}_hour_per_kwh", "currency/kWh", ANNOUNCED, f"mean import price at this time of day over {window_days} days"),
        (f"load_mean_{days}_hour_kw", "kW", AFTER, f"mean load at this time of day over {window_days} days, this one included"),
        (f"load_median_{days}_hour_kw", "kW", AFTER, f"median load at this time of day over {window_days} days, this one included"),
        ("load_mean_4w_weekday_kw", "kW", AFTER, "mean load at this time of this weekday over 4 weeks, this one included"),
        ("load_mean_3h_kw", "kW", AFTER, "mean load of the last 3 hours"),
        ("load_mean_24h_kw", "kW", AFTER, "mean load of the last 24 hours"),
        (f"load_mean_{days}_kw", "kW", AFTER, f"mean load of the last {window_days} days"),
        (f"solar_mean_{days}_hour_kw", "kW", AFTER, f"mean generation at this time of day over {window_days} days, this one included"),
        ("base_load_kw", "kW", AFTER, "what is used when nobody does anything: median over 7 days of each day's lowest tenth"),
        ("active_share_hour", "1", AFTER, "share of 14 days on which load was well above base_load_kw at this time of day"),
        ("load_last_evening_kw", "kW", AFTER, "mean load of the last evening that is over, 18:00 to 22:00"),
        ("clearness", "1", AFTER, "generation over clear_sky_kw, 0 to 1.5; NaN when the sun is low"),
        ("clearness_mean_3h", "1", AFTER, "generation over clear_sky_kw of the last 3 hours"),
        ("clearness_mean_3d", "1", AFTER, "generation over clear_sky_kw of the last 3 days"),
    )
    features = tuple(FeatureSpec(name=name, unit=unit, availability=known, description=text) for name, unit, known, text in words)
    digest = hashlib.sha256(repr((REVISION, words)).encode()).hexdigest()[:12]
    return FeatureCatalog(version=f"{days}-{digest}", features=features)


def _told() -> str:
    """The flags in words."""
    return ", ".join(f"{flag.value} {str(flag.name).lower().replace('_', ' ')}" for flag in DOUBTS)
