"""The whole way from a file to readings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shared.adapters.home_file.choice import SITE, TIME, Choice, Source, asked_columns, choose, column_list, homes_in_columns, site_column
from shared.adapters.home_file.local_time import utc_from_local
from shared.adapters.home_file.moments import Stamps
from shared.adapters.home_file.names import words
from shared.adapters.home_file.numbers import is_numeric, read_numbers
from shared.adapters.home_file.power import Converted, convert
from shared.adapters.home_file.roles import BY_NAME, role_of
from shared.adapters.home_file.signs import settle
from shared.adapters.home_file.steps import detect_resolution, gaps, in_order, steps_in
from shared.adapters.home_file.table import Table, read_table
from shared.adapters.home_file.time_columns import TimeColumns, read_time
from shared.domain.errors import InvalidValueError, require_identifier
from shared.domain.reading import FIELDS, READING_COLUMNS, TEXT_COLUMNS, TIME_OF_USE_PERIODS, Quality
from shared.domain.time import Interval, from_instant64, zone
from shared.ports.home_file import HomeFile

DEVICE_ID = "import"
MEASURED = (
    "load_kw", "solar_kw", "grid_import_kw", "grid_export_kw", "net_grid_flow_kw",
    "battery_power_kw", "battery_soc_percent", "ev_charging_kw", "hvac_kw",
)  # fmt: skip
"""Roles whose values a meter has; a row without any of them is no reading."""
_BOUNDS = {item.column: (item.low, item.high) for item in FIELDS}
_QUALITY_BITS = sum(Quality)
Numbers = NDArray[np.float64]


@dataclass(slots=True, kw_only=True)
class _Values:
    """The chosen site's values in our units and signs, rows in order of time."""

    stamps: Stamps
    resolution: timedelta
    by_role: dict[str, Numbers] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class HomeFiles:
    """`HomeFileReader` for CSV, Parquet and JSON lines on disk."""

    def read(
        self,
        path: Path,
        *,
        site_id: str,
        site_in_file: str | None = None,
        timezone: str | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> HomeFile:
        """Understand the whole file or raise `InvalidValueError` with one line: what is wrong, where, and the remedy."""
        require_identifier("site_id", site_id)
        if timezone is not None:
            zone(timezone)
        table = read_table(path)
        asked = asked_columns(table, columns or {})
        table, sites, site, told_by = _one_site(table, asked.pop(SITE, None), site_in_file)
        time = read_time(table, next(iter(asked.pop(TIME, ())), None))
        choice = choose(table, asked, taken=(*time.columns, *([told_by] if told_by else ())))
        stamps, notes = _utc(table, time, timezone)
        order, more = in_order(table, stamps)
        table = replace(table, frame=table.frame.iloc[order])
        values = _convert(table, choice, stamps[order])
        values.notes[:0] = [
            *table.notes,
            *([_site_note(sites, site)] if len(sites) > 1 else []),
            *time.parsed.notes,
            *notes,
            *more,
            *choice.notes,
        ]
        if time.labels_end:
            values.stamps = values.stamps - np.timedelta64(values.resolution // timedelta(microseconds=1), "us")
            values.notes.append(f"{time.columns[0]} is the end of each interval: moved to its start")
        _require_meaning(table, values)
        values.columns = {TIME: f"{' + '.join(time.columns)} ({time.parsed.how})", **values.columns}
        known = {*time.columns, *choice.plain.values(), *choice.texts.values(), *_used(choice)}
        ignored = tuple(str(name) for name in table.frame.columns if str(name) not in known and not _is_about_rows(str(name), told_by))
        return _home_file(
            table, choice, values, site_id=site_id, timezone=timezone or time.parsed.zone or "UTC", sites=sites, site=site, ignored=ignored
        )


def _one_site(table: Table, asked: tuple[str, ...] | None, wanted: str | None) -> tuple[Table, tuple[str, ...], str | None, str | None]:
    """The rows of one site, all sites of the file, the chosen one, and the column that tells them apart."""
    column = site_column(table, asked)
    if column is None:
        side_by_side = homes_in_columns(table)
        if len(side_by_side) > 1:
            site = _wanted(tuple(side_by_side), wanted, "column names")
            others = [name for home, names in side_by_side.items() if home != site for name in names]
            return replace(table, frame=table.frame.drop(columns=others)), tuple(side_by_side), site, None
        if wanted is not None:
            raise InvalidValueError(
                "--site-in-file",
                wanted,
                f"the file has no column of sites; leave it out or name one, for example --map site_id={table.frame.columns[0]}",
            )
        return table, (), None, None
    names = table.frame[column].astype(str).str.strip().mask(table.frame[column].isna(), "")
    sites = tuple(name for name in names.unique() if name)
    site = _wanted(sites, wanted, f"column {column!r}")
    return replace(table, frame=table.frame[(names == site).to_numpy()]), sites, site, column


def _wanted(sites: tuple[str, ...], wanted: str | None, where: str) -> str | None:
    """The site that was asked for, else the first. Raises `InvalidValueError` for one that is not there."""
    if wanted is None:
        return next(iter(sites), None)
    if wanted not in sites:
        shown = ", ".join(sites[:10]) + (f" and {len(sites) - 10} more" if len(sites) > 10 else "")
        raise InvalidValueError("--site-in-file", wanted, f"is not in the {where}; there is {shown}")
    return wanted


def _site_note(sites: tuple[str, ...], site: str | None) -> str:
    return f"{len(sites)} sites in the file ({', '.join(sites[:3])} ...): taken {site}; take another with --site-in-file NAME"


def _utc(table: Table, time: TimeColumns, timezone: str | None) -> tuple[Stamps, list[str]]:
    """UTC of every row. Raises `InvalidValueError` when nothing names the clock."""
    parsed = time.parsed
    if parsed.aware:
        return parsed.stamps, []
    if time.says_utc:
        return parsed.stamps, [f"times have no offset: taken as UTC because the column is named {time.columns[0]!r}"]
    if timezone is None:
        example = str(table.frame[time.columns[0]].iloc[0])[:40]
        raise InvalidValueError(
            "timezone", None, f"times in column {time.columns[0]!r} have no offset (first: {example}); name their zone, "
            "for example --timezone Europe/Berlin or --timezone UTC"
        )  # fmt: skip
    stamps, notes = utc_from_local(table, parsed.stamps, timezone)
    return stamps, [f"times have no offset: taken as the clock of {timezone}", *notes]


def _convert(table: Table, choice: Choice, stamps: Stamps) -> _Values:
    """Every chosen column in our units and signs."""
    values = _Values(stamps=stamps, resolution=detect_resolution(table, stamps))
    for name, source in choice.sources.items():
        parts = [(column, read_numbers(table, column)) for column in source.columns]
        if all(np.isnan(part).all() for _, part in parts):
            continue
        converted = [convert(replace(source, columns=(column,)), part, stamps, values.resolution) for column, part in parts]
        known = [item for item in converted if item is not None]
        if len(known) < len(parts):
            values.notes.append(
                f"{name}: {source.columns[0]!r} is left out because nothing says its unit; say --map price_per_mwh={source.columns[0]} "
                f"or --map price_ct_per_kwh={source.columns[0]}"
            )
            continue
        values.by_role[name] = np.sum([item.values for item in known], axis=0)
        values.columns[name] = _in_words(source, known[0])
        values.notes += [note for item in known for note in item.notes]
    values.notes += settle(values.by_role, values.columns)
    return values


def _in_words(source: Source, converted: Converted) -> str:
    return " + ".join(source.columns) + (f" ({converted.words})" if converted.words else "")


def _is_about_rows(name: str, told_by: str | None) -> bool:
    """Whether a column tells of the row itself, which is used without being a value."""
    return name in {told_by, "quality", "device_id"} or "interpolated" in words(name)


def _used(choice: Choice) -> set[str]:
    return {column for source in choice.sources.values() for column in source.columns}


def _require_meaning(table: Table, values: _Values) -> None:
    """Raise unless there is a load or solar value."""
    has = [name for name in ("load_kw", "solar_kw") if name in values.by_role]
    if not has:
        numeric = [str(name) for name in table.frame.columns if is_numeric(table, str(name)) and role_of(str(name)) is None]
        example = numeric[0] if numeric else "COLUMN"
        raise InvalidValueError(
            "load or solar column",
            None,
            f"none recognised with values among {column_list(table)}; name one, for example --map load_kw={example}",
        )
    if all(np.isnan(values.by_role[name]).all() for name in has):
        raise InvalidValueError(" and ".join(has), "missing in every row", "give a file with measurements")


def _home_file(
    table: Table,
    choice: Choice,
    values: _Values,
    *,
    site_id: str,
    timezone: str,
    sites: tuple[str, ...],
    site: str | None,
    ignored: tuple[str, ...],
) -> HomeFile:
    readings = _readings(table, choice, values, site_id)
    measured = np.logical_or.reduce([np.isfinite(values.by_role[name]) for name in MEASURED if name in values.by_role])
    prices = _prices(readings)
    first, last = int(measured.argmax()), len(measured) - int(measured[::-1].argmax())
    if last - first < len(measured):
        values.notes.append(
            f"{len(measured) - (last - first)} rows before the first or after the last measurement were left out of the readings"
        )
    readings = readings.iloc[first:last].reset_index(drop=True)
    stamps = values.stamps[first:last]
    interval = Interval(start=from_instant64(stamps[0]), end=from_instant64(stamps[-1]) + values.resolution)
    shown = {_reading_column(name): words for name, words in values.columns.items()}
    return HomeFile(
        readings=readings,
        prices=prices,
        interval=interval,
        resolution=values.resolution,
        timezone=timezone,
        columns=shown | {name: theirs for name, theirs in choice.plain.items() if readings[name].notna().any()},
        ignored_columns=ignored,
        sites=sites,
        site_in_file=site,
        missing_share=_missing_share(readings, shown, steps_in(interval, values.resolution)),
        gaps=gaps(stamps, values.resolution),
        notes=(*values.notes, *_range_notes(readings)),
    )


def _reading_column(role_name: str) -> str:
    role = BY_NAME.get(role_name)
    return role.column or role_name if role else role_name


def _readings(table: Table, choice: Choice, values: _Values, site_id: str) -> pd.DataFrame:
    """`READING_COLUMNS`, one row for each moment."""
    count = len(values.stamps)
    data: dict[str, object] = {name: np.full(count, np.nan) for name in READING_COLUMNS}
    data |= {"site_id": site_id, "device_id": DEVICE_ID, "timestamp": pd.DatetimeIndex(values.stamps).as_unit("us").tz_localize("UTC")}
    data |= {_reading_column(name): series for name, series in values.by_role.items() if _reading_column(name) in _BOUNDS}
    data |= {ours: read_numbers(table, theirs) for ours, theirs in choice.plain.items()}
    for ours in TEXT_COLUMNS:
        theirs = choice.texts.get(ours)
        text = table.frame[theirs].astype(str).str.strip() if theirs else pd.Series("", index=range(count))
        data[ours] = pd.Series([value if value in TIME_OF_USE_PERIODS else None for value in text], dtype=object)
    readings = pd.DataFrame(data)[list(READING_COLUMNS)]
    readings["quality"] = _quality(table, readings, [_reading_column(name) for name in MEASURED if name in values.by_role])
    return readings


def _quality(table: Table, readings: pd.DataFrame, measured: list[str]) -> NDArray[np.int64]:
    """Flags of the file itself, if it has any, and what the values show."""
    flags = _own_flags(table)
    expected = [name for name in measured if name in _BOUNDS]
    flags |= np.where(readings[expected].isna().any(axis=1), int(Quality.MISSING), 0)
    for name, (low, high) in _BOUNDS.items():
        flags |= np.where((readings[name] < low) | (readings[name] > high), int(Quality.OUT_OF_RANGE), 0)
    return flags.astype(np.int64)


def _own_flags(table: Table) -> NDArray[np.int64]:
    """The `quality` column of our own exports, and columns that mark interpolated rows."""
    frame, flags = table.frame, np.zeros(len(table.frame), dtype=np.int64)
    if "quality" in frame and is_numeric(table, "quality"):
        own = np.nan_to_num(read_numbers(table, "quality"))
        if ((own >= 0) & (own <= _QUALITY_BITS) & (own == np.round(own))).all():
            flags |= own.astype(np.int64)
    for name in [str(name) for name in frame.columns if "interpolated" in words(str(name))]:
        text = frame[name].astype(str).str.strip().str.lower().mask(frame[name].isna(), "")
        flags |= np.where(text.isin(["", "0", "0.0", "false", "no", "nan", "none"]), 0, int(Quality.INTERPOLATED))
    return flags


def _prices(readings: pd.DataFrame) -> pd.DataFrame | None:
    prices = readings.loc[readings["price_per_kwh"].notna(), ["timestamp", "price_per_kwh"]].reset_index(drop=True)
    return prices if len(prices) else None


def _missing_share(readings: pd.DataFrame, columns: Mapping[str, str], steps: int) -> dict[str, float]:
    return {name: float(max(0.0, 1.0 - readings[name].notna().sum() / steps)) for name in columns if name in _BOUNDS}


def _range_notes(readings: pd.DataFrame) -> list[str]:
    notes = []
    for name, (low, high) in _BOUNDS.items():
        outside = int(((readings[name] < low) | (readings[name] > high)).sum())
        if outside:
            worst = readings[name].min() if (readings[name] < low).any() else readings[name].max()
            notes.append(f"warning: {outside} values of {name} are outside {low:g} to {high:g} (such as {worst:g}): kept and flagged")
    return notes
