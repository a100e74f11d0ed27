"""What an imported file makes of a home: its site, battery and array, tariff, and when its prices were known.

Everything that no measurement told is an assumption and comes with a sentence that says so.
"""

import math
from dataclasses import dataclass, replace
from datetime import time, timedelta

import numpy as np
import pandas as pd

from services.gateway_sim.plant.grid_price import published_at
from shared.domain.errors import InvalidValueError
from shared.domain.site import RESOLUTIONS, BatterySpec, Site, SolarSpec
from shared.domain.tariff import DynamicPrice, FlatPrice, PriceRule, Tariff, TimeOfUsePrice, TouPeriod
from shared.domain.time import local_clock, zone
from shared.ports.home_file import HomeFile

DEFAULT_RESOLUTION = timedelta(minutes=15)
ROUND_TRIP_EFFICIENCY = 0.90
DEFAULT_BATTERY = BatterySpec(
    capacity_kwh=13.5,
    max_charge_rate_kw=5.0,
    max_discharge_rate_kw=5.0,
    charge_efficiency=math.sqrt(ROUND_TRIP_EFFICIENCY),
    discharge_efficiency=math.sqrt(ROUND_TRIP_EFFICIENCY),
)
"""The customer's default battery; the round trip is halved between the ways in and out."""
FILE_SERIES = "file"
"""In a tariff file this series means the price column of the measurements."""
FEED_IN_CEILING_PER_KWH = 0.08
OFF_PEAK_PER_KWH, SHOULDER_PER_KWH, PEAK_PER_KWH, FEED_IN_PER_KWH = 0.08, 0.15, 0.30, 0.05
"""The customer's default tariff."""
PEAK_QUANTILE = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A home made of a file, ready to be announced."""

    site: Site
    tariff: Tariff
    prices: pd.DataFrame | None
    """`timestamp`, `price_per_kwh`, `published_at`."""
    series_id: str
    assumptions: tuple[str, ...]


def understand(
    home: HomeFile,
    *,
    site_id: str,
    tariff: Tariff | None,
    battery: BatterySpec | None,
    latitude: float | None,
    longitude: float | None,
    currency: str,
) -> Understood:
    """The home of a file. Raises `InvalidValueError` when a tariff asks for the file's price and it has none."""
    series_id = f"{site_id}.import"
    spec, battery_words = _battery(home, battery)
    chosen, tariff_words = _tariff(home, tariff, series_id=series_id, currency=currency)
    site = Site(
        site_id=site_id,
        name=home.site_in_file or "",
        timezone=home.timezone,
        latitude=latitude,
        longitude=longitude,
        resolution=home.resolution if home.resolution in RESOLUTIONS else DEFAULT_RESOLUTION,
        battery=spec,
        solar=_solar(home),
        live=False,
    )
    prices = None if home.prices is None else _published(home.prices, home.timezone)
    words = [battery_words, tariff_words]
    if home.timezone == "UTC":
        words.append("time zone UTC: hours of the day (habits, time of use) are counted in UTC; name the home's own with --timezone")
    if prices is not None:
        words.append("prices count as known from 13:00 of the day before, as day-ahead prices are")
    return Understood(site=site, tariff=chosen, prices=prices, series_id=series_id, assumptions=tuple(words))


def _solar(home: HomeFile) -> SolarSpec | None:
    """The array by its 99.9th percentile: a lone spike is no capacity."""
    solar = home.readings["solar_generation_kw"].dropna().to_numpy(dtype=np.float64)
    peak = float(np.quantile(solar, PEAK_QUANTILE)) if len(solar) else 0.0
    return SolarSpec(capacity_kw=math.ceil(peak * 10.0) / 10.0) if peak > 0.0 else None


def _battery(home: HomeFile, given: BatterySpec | None) -> tuple[BatterySpec, str]:
    if given is not None:
        return given, f"battery {_in_words(given)}, as given"
    capacity = home.readings["battery_capacity_kwh"].median()
    power = home.readings["battery_power_kw"].dropna().abs().to_numpy(dtype=np.float64)
    rate = math.ceil(float(np.quantile(power, PEAK_QUANTILE)) * 10.0) / 10.0 if len(power) else 0.0
    spec = DEFAULT_BATTERY
    if capacity > 0:
        spec = replace(spec, capacity_kwh=float(capacity))
    if rate > 0:
        spec = replace(spec, max_charge_rate_kw=rate, max_discharge_rate_kw=rate)
    if spec == DEFAULT_BATTERY:
        return spec, f"battery {_in_words(spec)}: assumed, the file has none; give yours with --battery-kwh and --battery-kw"
    unknown = [name for name, known in (("its capacity", capacity > 0), ("its power", rate > 0)) if not known]
    assumed = f"; {' and '.join(unknown)} assumed, give it with --battery-kwh and --battery-kw" if unknown else ""
    return spec, f"battery {_in_words(spec)}: by the measurements{assumed}"


def _in_words(spec: BatterySpec) -> str:
    trip = spec.charge_efficiency * spec.discharge_efficiency
    return f"{spec.capacity_kwh:g} kWh, {spec.max_charge_rate_kw:g} kW, {trip:.0%} round trip"


def battery_of(capacity_kwh: float | None, power_kw: float | None) -> BatterySpec | None:
    """The battery that a person describes, the default's other half where one is left out; None for neither."""
    if capacity_kwh is None and power_kw is None:
        return None
    rate = DEFAULT_BATTERY.max_charge_rate_kw if power_kw is None else power_kw
    capacity = DEFAULT_BATTERY.capacity_kwh if capacity_kwh is None else capacity_kwh
    return replace(DEFAULT_BATTERY, capacity_kwh=capacity, max_charge_rate_kw=rate, max_discharge_rate_kw=rate)


def _tariff(home: HomeFile, given: Tariff | None, *, series_id: str, currency: str) -> tuple[Tariff, str]:
    if given is not None:
        return _with_file_series(home, given, series_id)
    if home.prices is not None:
        return Tariff(
            currency=currency,
            timezone=home.timezone,
            import_price=DynamicPrice(series_id=series_id),
            export_price=DynamicPrice(series_id=series_id, ceiling_per_kwh=FEED_IN_CEILING_PER_KWH),
        ), f"tariff: the file's price in {currency} for import, and for export up to {FEED_IN_CEILING_PER_KWH:g}; give yours with --tariff"
    return default_tariff(home.timezone, currency), (
        f"tariff: time of use {OFF_PEAK_PER_KWH:g} / {SHOULDER_PER_KWH:g} / {PEAK_PER_KWH:g} {currency} per kWh, "
        f"feed-in {FEED_IN_PER_KWH:g}: "
        "assumed, the file has no price; give yours with --tariff"
    )


def default_tariff(timezone: str, currency: str = "EUR") -> Tariff:
    """The customer's time of use: off-peak from 23 to 7, peak from 16 to 21 on weekdays, shoulder between."""
    off_peak = TouPeriod(name="off_peak", price_per_kwh=OFF_PEAK_PER_KWH, start=time(23), end=time(7))
    peak = TouPeriod(name="peak", price_per_kwh=PEAK_PER_KWH, start=time(16), end=time(21), weekdays=frozenset(range(5)))
    return Tariff(
        currency=currency,
        timezone=timezone,
        import_price=TimeOfUsePrice(periods=(off_peak, peak), default_price_per_kwh=SHOULDER_PER_KWH),
        export_price=FlatPrice(price_per_kwh=FEED_IN_PER_KWH),
    )


def _with_file_series(home: HomeFile, given: Tariff, series_id: str) -> tuple[Tariff, str]:
    """The given tariff, its series `file` bound to the file's own prices."""
    if FILE_SERIES in given.series_ids and home.prices is None:
        raise InvalidValueError(
            "tariff series_id", FILE_SERIES, "the measurements have no price column; name one with --map price_per_kwh=..."
        )

    def bound(rule: PriceRule) -> PriceRule:
        return replace(rule, series_id=series_id) if isinstance(rule, DynamicPrice) and rule.series_id == FILE_SERIES else rule

    tariff = replace(given, import_price=bound(given.import_price), export_price=bound(given.export_price))
    foreign = [name for name in tariff.series_ids if name != series_id]
    missing = f"; series {', '.join(foreign)} is not in the file ('{FILE_SERIES}' would mean the file's price)" if foreign else ""
    return tariff, f"tariff: as given{missing}"


def _published(prices: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """The prices with the moment at which each local day's were announced."""
    tz = zone(timezone)
    stamps = prices["timestamp"].dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    days, row = np.unique(local_clock(stamps, tz).date, return_inverse=True)
    announced = np.array([published_at(day.item(), tz) for day in days], dtype="datetime64[us]")
    return prices.assign(published_at=pd.DatetimeIndex(announced[row]).as_unit("us").tz_localize("UTC"))
