"""What to think of each row: reject it into quarantine, or accept it with the flags it earns.

The third verdict, keep, is the store's: a row equal to what is there already changes nothing.
Verdicts depend on the row, its site and (for a clock that runs ahead) on the moment alone, never on the rows beside it, so a
row that is read twice is judged the same.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.domain.balance import net_grid_flow_kw
from shared.domain.reading import FIELDS, KEY_COLUMNS, READING_COLUMNS, VALUE_COLUMNS, Quality, nested_from_flat
from shared.domain.site import Site
from shared.domain.time import Instants, instant64

CLOCK_TOLERANCE = timedelta(seconds=2)
CLOCK_LIMIT = timedelta(minutes=5)
RATED_MARGIN = 1.2
"""Power beyond this share of what a device is rated for is out of its range."""
BALANCE_TOLERANCE = 0.01
BALANCE_TOLERANCE_KW = 0.05

AHEAD_OF_CLOCK = "timestamp is more than 5 minutes ahead of the clock"
QUARANTINE_COLUMNS = ("site_id", "device_id", "timestamp", "reason", "document", "stored_at")

_IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
_OLDEST = np.datetime64("2000-01-01", "us")
_NO_CALENDAR = np.datetime64("3000-01-01", "us")
_LOW = np.array([field.low for field in FIELDS])
_HIGH = np.array([field.high for field in FIELDS])
_SPAN = _HIGH - _LOW

Mask = NDArray[np.bool_]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """Rows to store, with their flags, and rows to quarantine, with a reason each."""

    accepted: pd.DataFrame
    """`READING_COLUMNS`, one row for each key: where a key came twice, the later row."""
    rejected: pd.DataFrame
    """`QUARANTINE_COLUMNS`."""


def judge(readings: pd.DataFrame, *, site: Site, now: datetime) -> Verdicts:
    """Judge readings of one site. Values are never changed: a doubtful one is kept and flagged."""
    frame = readings.reindex(columns=list(READING_COLUMNS)).reset_index(drop=True)
    stamps = frame["timestamp"].to_numpy(dtype="datetime64[us]")
    values = frame[list(VALUE_COLUMNS)].to_numpy(dtype=np.float64)
    reasons = _reasons(frame, stamps, values, now)
    refused = reasons != ""
    accepted = frame[~refused]
    given = pd.to_numeric(accepted["quality"]).fillna(0).astype(np.int64)
    accepted = accepted.assign(quality=given | _flags(values[~refused], stamps[~refused], site=site, now=now))
    return Verdicts(
        accepted=accepted.drop_duplicates(list(KEY_COLUMNS), keep="last").reset_index(drop=True),
        rejected=_quarantine_rows(frame[refused], stamps[refused], reasons[refused], now),
    )


def same_as_refused(accepted: pd.DataFrame, quarantine: pd.DataFrame) -> Mask:
    """Rows that were refused for a clock ahead, word for word, shape (rows,). Time passing does not make them true."""
    early = quarantine[quarantine["reason"].isin([AHEAD_OF_CLOCK])]
    known = set(zip(early["device_id"], early["timestamp"], early["document"], strict=True))
    keys = {(device, moment) for device, moment, _ in known}
    moments = _texts(accepted["timestamp"].to_numpy(dtype="datetime64[us]"))
    same = np.zeros(len(accepted), dtype=np.bool_)
    for index, key in enumerate(zip(accepted["device_id"], moments, strict=True)):
        if key in keys:
            same[index] = (*key, _document(accepted.iloc[index], key[1])) in known
    return same


def with_arrival_flags(accepted: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """The rows with the flags that tell of their arrival, as the stored rows of the same keys have them.

    Whether a clock ran ahead can be seen once only; reading the row again later must not clear it.
    """
    ahead = stored.loc[(stored["quality"].astype(np.int64) & int(Quality.CLOCK_AHEAD)) != 0, ["device_id", "timestamp"]]
    if ahead.empty:
        return accepted
    again = pd.MultiIndex.from_frame(accepted[["device_id", "timestamp"]]).isin(pd.MultiIndex.from_frame(ahead))
    return accepted.assign(quality=accepted["quality"] | np.where(again, int(Quality.CLOCK_AHEAD), 0))


def _reasons(frame: pd.DataFrame, stamps: Instants, values: Values, now: datetime) -> NDArray[np.object_]:
    """Why each row is refused, in words that stay the same whenever it comes again; "" for a row that is accepted."""
    reasons = np.full(len(frame), "", dtype=object)
    impossible = np.isinf(values) | (values < _LOW - _SPAN) | (values > _HIGH + _SPAN)
    for row, field in zip(*np.nonzero(impossible), strict=True):
        if not reasons[row]:
            bounds = f"{FIELDS[field].low:g} to {FIELDS[field].high:g}"
            reasons[row] = f"{FIELDS[field].column} is {values[row, field]:g}: impossible, it belongs between {bounds}"
    reasons[stamps > instant64(now + CLOCK_LIMIT)] = AHEAD_OF_CLOCK
    reasons[stamps > _NO_CALENDAR] = "timestamp is beyond the year 3000: it seems to be milliseconds where seconds belong"
    reasons[stamps < _OLDEST] = "timestamp is before the year 2000: the clock was not set, or its unit is wrong"
    reasons[np.isnat(stamps)] = "timestamp is missing"
    for name in ("site_id", "device_id"):
        sound = frame[name].astype("string").str.fullmatch(_IDENTIFIER).fillna(value=False).to_numpy(dtype=np.bool_)
        reasons[~sound] = f"{name} is not 1 to 64 letters, digits, '.', '_' or '-'"
    return reasons


def _flags(values: Values, stamps: Instants, *, site: Site, now: datetime) -> NDArray[np.int64]:
    column = dict(zip(VALUE_COLUMNS, values.T, strict=True))
    ahead = stamps > instant64(now + CLOCK_TOLERANCE)
    # a message carries no flags: without this one the sweep would find each simulated row changed, and carry it again
    flags = np.full(len(values), int(Quality.SIMULATED) if site.simulated else 0, dtype=np.int64)
    for mask, flag in (
        (_missing(column, site), Quality.MISSING),
        (_out_of_range(values, column, site), Quality.OUT_OF_RANGE),
        (_imbalance(column), Quality.IMBALANCE),
        (ahead, Quality.CLOCK_AHEAD),
    ):
        flags |= np.where(mask, int(flag), 0)
    return flags


def _missing(column: dict[str, Values], site: Site) -> Mask:
    """A value that the site's devices measure is absent. A battery assumed for imported history measures nothing."""
    expected = ["total_load_kw"]
    expected += ["solar_generation_kw"] if site.solar else []
    expected += ["battery_power_kw", "battery_soc_percent"] if site.battery and site.live else []
    absent: Mask = np.any([np.isnan(column[name]) for name in expected], axis=0)
    return absent


def _out_of_range(values: Values, column: dict[str, Values], site: Site) -> Mask:
    """Beyond what is believable of anything, or of this site's devices."""
    beyond: Mask = np.any((values < _LOW) | (values > _HIGH), axis=1)
    if site.solar and site.solar.capacity_kw > 0:
        beyond |= column["solar_generation_kw"] > RATED_MARGIN * site.solar.capacity_kw
    if site.battery:
        beyond |= column["battery_power_kw"] > RATED_MARGIN * site.battery.max_charge_rate_kw
        beyond |= column["battery_power_kw"] < -RATED_MARGIN * site.battery.max_discharge_rate_kw
    if site.ev:
        beyond |= column["ev_charging_kw"] > RATED_MARGIN * site.ev.max_charge_rate_kw
    return beyond


def _imbalance(column: dict[str, Values]) -> Mask:
    """The meter disagrees with load + battery - solar by more than 1 % of the largest of them and 0.05 kW; all four are there."""
    parts = [column[name] for name in ("net_grid_flow_kw", "total_load_kw", "battery_power_kw", "solar_generation_kw")]
    flow, load, battery, solar = parts
    difference = np.abs(flow - net_grid_flow_kw(load_kw=load, battery_kw=battery, solar_kw=solar))
    largest = np.max(np.abs(parts), axis=0)
    wrong: Mask = difference > np.maximum(BALANCE_TOLERANCE_KW, BALANCE_TOLERANCE * largest)  # NaN compares as false
    return wrong


def _quarantine_rows(frame: pd.DataFrame, stamps: Instants, reasons: NDArray[np.object_], now: datetime) -> pd.DataFrame:
    moments = _texts(stamps)
    rows = {
        "site_id": [_text(value) for value in frame["site_id"]],
        "device_id": [_text(value) for value in frame["device_id"]],
        "timestamp": moments,
        "reason": list(reasons),
        "document": [_document(frame.iloc[index], moment) for index, moment in enumerate(moments)],
        "stored_at": pd.DatetimeIndex([now] * len(frame), tz="UTC").as_unit("us"),
    }
    return pd.DataFrame(rows, columns=list(QUARANTINE_COLUMNS))


def _document(row: pd.Series, moment: str) -> str:
    """The gateway's JSON of a row, with infinities as text because JSON has none."""
    flat = {name: _json_value(row[name]) for name in (*VALUE_COLUMNS, "time_of_use_period")}
    return json.dumps(nested_from_flat({**flat, "timestamp": moment, "device_id": _text(row["device_id"])}))


def _json_value(value: object) -> object:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    return str(value) if isinstance(value, float) and np.isinf(value) else value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _texts(stamps: Instants) -> list[str]:
    """RFC 3339 in UTC; "" for a missing one. Also for years that `datetime` cannot hold."""
    return ["" if np.isnat(stamp) else f"{np.datetime_as_string(stamp, unit='us')}+00:00" for stamp in stamps]
