"""What to think of each row: reject it into quarantine, or accept it with the flags it earns.

The third verdict, keep, is the store's: a row equal to what is there already changes nothing.
Verdicts depend on the row, its site and (for a clock that runs ahead) on the moment alone, never on the rows beside it, so a
row that is read twice is judged the same.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from services.sync.replication.refusal import AHEAD_OF_CLOCK, quarantine_rows
from shared.domain.balance import net_grid_flow_kw
from shared.domain.reading import FIELDS, READING_COLUMNS, VALUE_COLUMNS, Quality
from shared.domain.site import Site
from shared.domain.time import Instants, instant64

CLOCK_TOLERANCE = timedelta(seconds=2)
CLOCK_LIMIT = timedelta(minutes=5)
RATED_MARGIN = 1.2
"""Power beyond this share of what a device is rated for is out of its range."""
BALANCE_TOLERANCE = 0.01
BALANCE_TOLERANCE_KW = 0.05

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_OLDEST = np.datetime64("2000-01-01", "us")
_NO_CALENDAR = np.datetime64("3000-01-01", "us")
_LOW = np.array([field.low for field in FIELDS])
_HIGH = np.array([field.high for field in FIELDS])
_SPAN = _HIGH - _LOW
_COLUMNS = list(READING_COLUMNS)

Mask = NDArray[np.bool_]
Values = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """Rows to store, with their flags, and rows to quarantine, with a reason each."""

    accepted: pd.DataFrame
    """`READING_COLUMNS`, one row for each key: where a key came twice, the later row."""
    rejected: pd.DataFrame
    """`QUARANTINE_COLUMNS`."""


def judge(readings: pd.DataFrame, *, sites: Mapping[str, Site], now: datetime) -> Verdicts:
    """Judge readings of these sites. Values are never changed: a doubtful one is kept and flagged."""
    frame = readings if list(readings.columns) == _COLUMNS else readings.reindex(columns=_COLUMNS)
    stamps = frame["timestamp"].to_numpy(dtype="datetime64[us]")
    values = frame[list(VALUE_COLUMNS)].to_numpy(dtype=np.float64)
    of_site, site_ids = _coded(frame["site_id"])
    of_device, device_ids = _coded(frame["device_id"])
    reasons = _reasons(stamps, values, now)
    for name, codes, texts in (("site_id", of_site, site_ids), ("device_id", of_device, device_ids)):
        reasons[~_sound(codes, texts)] = f"{name} is not 1 to 64 letters, digits, '.', '_' or '-'"
    refused = reasons != ""
    kept = np.flatnonzero(~refused)
    kept = kept[_newest_of_each_key(of_site[kept], of_device[kept], stamps[kept])]
    accepted = frame if len(kept) == len(frame) else frame.take(kept)
    rated = _Rated.of([sites[text] if isinstance(text, str) and text in sites else None for text in site_ids])
    given = pd.to_numeric(accepted["quality"]).fillna(0).to_numpy(dtype=np.int64)
    flags = _flags(values[kept], stamps[kept], rated.rows(of_site[kept]), now=now)
    return Verdicts(
        accepted=accepted.assign(quality=given | flags).reset_index(drop=True),
        rejected=quarantine_rows(frame[refused], reasons[refused].tolist(), now=now),
    )


def with_arrival_flags(accepted: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """The rows with the flags that tell of their arrival, as the stored rows of the same keys have them.

    Whether a clock ran ahead can be seen once only; reading the row again later must not clear it.
    """
    ahead = stored.loc[(stored["quality"].astype(np.int64) & int(Quality.CLOCK_AHEAD)) != 0, ["device_id", "timestamp"]]
    if ahead.empty:
        return accepted
    again = pd.MultiIndex.from_frame(accepted[["device_id", "timestamp"]]).isin(pd.MultiIndex.from_frame(ahead))
    return accepted.assign(quality=accepted["quality"] | np.where(again, int(Quality.CLOCK_AHEAD), 0))


def is_identifier(text: object) -> bool:
    """Whether this can name a site or a device."""
    return isinstance(text, str) and _IDENTIFIER.fullmatch(text) is not None


def _coded(column: pd.Series) -> tuple[Codes, list[object]]:
    """A column of texts as numbers, and the texts; the last text is None, for what is missing."""
    codes, texts = pd.factorize(column)
    return np.where(codes < 0, len(texts), codes).astype(np.int64), [*texts, None]


def _sound(codes: Codes, texts: list[object]) -> Mask:
    return np.array([is_identifier(text) for text in texts])[codes]


def _newest_of_each_key(of_site: Codes, of_device: Codes, stamps: Instants) -> Mask:
    """The last row of each key, shape (rows,)."""
    newest = np.ones(len(stamps), dtype=np.bool_)
    order = np.lexsort((stamps, of_device, of_site))  # stable: of equal keys the last row stands last
    site, device, stamp = of_site[order], of_device[order], stamps[order]
    newest[order[:-1]] = (site[1:] != site[:-1]) | (device[1:] != device[:-1]) | (stamp[1:] != stamp[:-1])
    return newest


def _reasons(stamps: Instants, values: Values, now: datetime) -> NDArray[np.object_]:
    """Why each row is refused, in words that stay the same whenever it comes again; "" for a row that is accepted."""
    reasons = np.full(len(stamps), "", dtype=object)
    impossible = np.isinf(values) | (values < _LOW - _SPAN) | (values > _HIGH + _SPAN)
    for row, field in zip(*np.nonzero(impossible), strict=True):
        if not reasons[row]:
            bounds = f"{FIELDS[field].low:g} to {FIELDS[field].high:g}"
            reasons[row] = f"{FIELDS[field].column} is {values[row, field]:g}: impossible, it belongs between {bounds}"
    reasons[stamps > instant64(now + CLOCK_LIMIT)] = AHEAD_OF_CLOCK
    reasons[stamps > _NO_CALENDAR] = "timestamp is beyond the year 3000: it seems to be milliseconds where seconds belong"
    reasons[stamps < _OLDEST] = "timestamp is before the year 2000: the clock was not set, or its unit is wrong"
    reasons[np.isnat(stamps)] = "timestamp is missing"
    return reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rated:
    """What devices are expected and what they can do, an entry for each site, then for each row."""

    solar_kw: Values
    charge_kw: Values
    discharge_kw: Values
    ev_kw: Values
    measures_solar: Mask
    measures_battery: Mask
    no_solar: Mask
    """The site is known to have no array."""
    no_battery: Mask
    simulated: Mask

    @classmethod
    def of(cls, sites: list[Site | None]) -> "_Rated":
        """A battery assumed for imported history measures nothing; a device that is not there limits nothing."""
        solar = [site.solar if site else None for site in sites]
        battery = [site.battery if site else None for site in sites]
        ev = [site.ev if site else None for site in sites]
        return cls(
            solar_kw=np.array([spec.capacity_kw if spec and spec.capacity_kw > 0 else np.inf for spec in solar]),
            charge_kw=np.array([spec.max_charge_rate_kw if spec else np.inf for spec in battery]),
            discharge_kw=np.array([spec.max_discharge_rate_kw if spec else np.inf for spec in battery]),
            ev_kw=np.array([spec.max_charge_rate_kw if spec else np.inf for spec in ev]),
            measures_solar=np.array([spec is not None for spec in solar]),
            measures_battery=np.array([site is not None and site.battery is not None and site.live for site in sites]),
            no_solar=np.array([site is not None and site.solar is None for site in sites]),
            no_battery=np.array([site is not None and site.battery is None for site in sites]),
            simulated=np.array([site is not None and site.simulated for site in sites]),
        )

    def rows(self, codes: Codes) -> "_Rated":
        """The same for rows of these sites."""
        return _Rated(**{name: getattr(self, name)[codes] for name in self.__slots__})


def _flags(values: Values, stamps: Instants, rated: _Rated, *, now: datetime) -> NDArray[np.int64]:
    column = dict(zip(VALUE_COLUMNS, values.T, strict=True))
    flags = np.zeros(len(values), dtype=np.int64)
    for mask, flag in (
        # a message carries no flags: without this one the sweep would find each simulated row changed, and carry it again
        (rated.simulated, Quality.SIMULATED),
        (_missing(column, rated), Quality.MISSING),
        (_out_of_range(values, column, rated), Quality.OUT_OF_RANGE),
        (_imbalance(column, rated), Quality.IMBALANCE),
        (stamps > instant64(now + CLOCK_TOLERANCE), Quality.CLOCK_AHEAD),
    ):
        flags[mask] |= int(flag)
    return flags


def _missing(column: dict[str, Values], rated: _Rated) -> Mask:
    """A value that the site's devices measure is absent."""
    absent = np.isnan(column["total_load_kw"]) | (rated.measures_solar & np.isnan(column["solar_generation_kw"]))
    battery = np.isnan(column["battery_power_kw"]) | np.isnan(column["battery_soc_percent"])
    missing: Mask = absent | (rated.measures_battery & battery)
    return missing


def _out_of_range(values: Values, column: dict[str, Values], rated: _Rated) -> Mask:
    """Beyond what is believable of anything, or of this site's devices."""
    beyond: Mask = np.any((values < _LOW) | (values > _HIGH), axis=1)
    beyond |= column["solar_generation_kw"] > RATED_MARGIN * rated.solar_kw
    beyond |= column["battery_power_kw"] > RATED_MARGIN * rated.charge_kw
    beyond |= column["battery_power_kw"] < -RATED_MARGIN * rated.discharge_kw
    beyond |= column["ev_charging_kw"] > RATED_MARGIN * rated.ev_kw
    return beyond


def _imbalance(column: dict[str, Values], rated: _Rated) -> Mask:
    """The meter disagrees with load + battery - solar by more than 1 % of the largest of them and 0.05 kW.

    All four are there; what a site does not have counts as nothing.
    """
    flow, load = column["net_grid_flow_kw"], column["total_load_kw"]
    battery, solar = (
        np.where(none & np.isnan(column[name]), 0.0, column[name])
        for name, none in (("battery_power_kw", rated.no_battery), ("solar_generation_kw", rated.no_solar))
    )
    difference = np.abs(flow - net_grid_flow_kw(load_kw=load, battery_kw=battery, solar_kw=solar))
    largest = np.max(np.abs([flow, load, battery, solar]), axis=0)
    wrong: Mask = difference > np.maximum(BALANCE_TOLERANCE_KW, BALANCE_TOLERANCE * largest)  # NaN compares as false
    return wrong
