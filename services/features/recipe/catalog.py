"""Every feature with its unit, when it can be known, and what it is."""

import hashlib

from shared.domain.feature import Availability, FeatureCatalog, FeatureSpec

REVISION = 1
"""Raise it when a feature's values change though its words do not."""

AFTER, AHEAD, ANNOUNCED = Availability.AFTER_STEP, Availability.AHEAD, Availability.ANNOUNCED


def catalog(*, window_days: int) -> FeatureCatalog:
    """The columns of a feature table with rolling windows of so many days. Equal catalogs have equal versions."""
    days = f"{window_days}d"
    words = (
        ("load_kw", "kW", AFTER, "mean consumption, EV included, defects left out"),
        ("solar_kw", "kW", AFTER, "mean generation, defects left out"),
        ("battery_power_kw", "kW", AFTER, "mean battery power, above 0 charging"),
        ("ev_kw", "kW", AFTER, "mean power of EV charging, part of load_kw"),
        ("quality", "1", AFTER, "share of the step with good samples of load (and of solar where there is an array)"),
        ("hour_local", "h", AHEAD, "wall clock at the start of the step"),
        ("minute_of_day", "min", AHEAD, "wall clock since local midnight"),
        ("hour_sin", "1", AHEAD, "sine of the time of day"),
        ("hour_cos", "1", AHEAD, "cosine of the time of day"),
        ("weekday", "1", AHEAD, "local weekday, Monday is 0"),
        ("is_weekend", "1", AHEAD, "1 on Saturday and Sunday"),
        ("is_holiday", "1", AHEAD, "1 on public holidays of the tariff's calendar"),
        ("year_sin", "1", AHEAD, "sine of the time of year"),
        ("year_cos", "1", AHEAD, "cosine of the time of year"),
        ("sun_elevation_deg", "degree", AHEAD, "mean elevation of the sun; NaN without coordinates"),
        ("clear_sky_kw", "kW", AHEAD, "AC power under a clear sky; without coordinates the 95th percentile of 14 days at this time of day"),
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
        ("clearness", "1", AFTER, "generation over clear_sky_kw, 0 to 1.5; NaN when the sun is low"),
        ("clearness_mean_3h", "1", AFTER, "generation over clear_sky_kw of the last 3 hours"),
        ("clearness_mean_3d", "1", AFTER, "generation over clear_sky_kw of the last 3 days"),
    )
    features = tuple(FeatureSpec(name=name, unit=unit, availability=known, description=text) for name, unit, known, text in words)
    digest = hashlib.sha256(repr((REVISION, words)).encode()).hexdigest()[:12]
    return FeatureCatalog(version=f"{days}-{digest}", features=features)
