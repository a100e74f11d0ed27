"""As much of Flux as our adapter speaks, with the meaning that InfluxDB gives it; anything else is an error."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Params = Mapping[str, Any]
Row = dict[str, Any]
Source = Callable[[str, int, int, Row], Iterable["Table"]]
"""Gives a table for each field of each series of a bucket with these tags, from a first to just before a last nanosecond."""


class FluxError(Exception):
    """A text that this server does not run."""


class Moment(int):
    """Nanoseconds since the epoch."""


@dataclass
class Table:
    """Rows that share the values of their group key."""

    key: Row
    rows: list[Row]

    @property
    def columns(self) -> list[str]:
        seen: dict[str, None] = dict.fromkeys(self.key)
        for row in self.rows:
            seen |= dict.fromkeys(row)
        return list(seen)


def run(text: str, params: Params, source: Source) -> list[Table]:
    """The tables that a query yields."""
    stages = [_stage(part) for part in text.split("|>")]
    names = [name for name, _ in stages]
    if names[:2] != ["from", "range"]:
        raise FluxError("cannot submit unbounded read to a bucket; try bounding 'from' with a call to 'range'")
    if names[2:3] != ["filter"] or "_measurement" not in stages[2][1]:
        raise FluxError("the measurement must be filtered first")
    (_, origin), (_, bounds), (_, wanted), *rest = stages
    bucket, start, stop = (
        _value(_argument(place, name), params) for place, name in ((origin, "bucket"), (bounds, "start"), (bounds, "stop"))
    )
    if not isinstance(start, Moment) or not isinstance(stop, Moment) or start >= stop:
        raise FluxError("cannot query an empty range")
    tables = list(source(bucket, start, stop, _conditions(wanted, params)))
    for name, argument in rest:
        if name not in _STAGES:
            raise FluxError(f"undefined identifier {name}")
        tables = _STAGES[name](tables, argument, params)
    return tables


def _stage(text: str) -> tuple[str, str]:
    if (found := re.fullmatch(r"\s*(\w+)\((.*)\)\s*", text, re.DOTALL)) is None:
        raise FluxError(f"invalid expression {text.strip()!r}")
    return found[1], found[2]


def _argument(text: str, name: str) -> str:
    if (found := re.search(rf"(?:^|, )\s*{name}: (\[[^\]]*\]|[^,]+)", text)) is None:
        raise FluxError(f"missing argument {name}")
    return found[1].strip()


def _value(text: str, params: Params) -> Any:
    if re.fullmatch(r'"[^"\\]*"', text):
        return text[1:-1]
    if text.startswith("["):
        return [_value(part.strip(), params) for part in text[1:-1].split(",")]
    if re.fullmatch(r"\d+", text):
        return int(text)
    if text not in params:
        raise FluxError(f"undefined identifier {text}")
    return params[text]


def _conditions(text: str, params: Params) -> Row:
    """What a filter wants of tags, field and measurement: only that is done where the data is."""
    if (found := re.fullmatch(r"fn: \(r\) => (.+)", text)) is None:
        raise FluxError(f"invalid predicate {text}")
    wanted: Row = {}
    for condition in found[1].split(" and "):
        if (term := re.fullmatch(r"r\.(_measurement|_field|site_id|device_id|series_id) == (\S+)", condition)) is None:
            raise FluxError(f"invalid predicate {condition}")
        wanted[term[1]] = _value(term[2], params)
    return wanted


def _first(tables: list[Table], _text: str, _params: Params) -> list[Table]:
    return [Table(table.key, table.rows[:1]) for table in tables]


def _last(tables: list[Table], _text: str, _params: Params) -> list[Table]:
    return [Table(table.key, table.rows[-1:]) for table in tables]


def _count(tables: list[Table], _text: str, _params: Params) -> list[Table]:
    return [Table(table.key, [{**table.key, "_value": len(table.rows)}]) for table in tables]


def _group(tables: list[Table], text: str, _params: Params) -> list[Table]:
    if text:
        raise FluxError("only group() without columns is served here")
    kinds: dict[str, type] = {}
    for table in tables:
        for row in table.rows:
            for name, value in row.items():
                if value is not None and kinds.setdefault(name, type(value)) is not type(value):
                    raise FluxError(f"schema collision detected: column {name!r} is both of type {kinds[name]} and {type(value)}")
    return [Table({}, [row for table in tables for row in table.rows])] if tables else []


def _keep(tables: list[Table], text: str, params: Params) -> list[Table]:
    columns = _value(_argument(text, "columns"), params)
    return [
        Table({k: v for k, v in table.key.items() if k in columns}, [{k: v for k, v in row.items() if k in columns} for row in table.rows])
        for table in tables
    ]


def _sort(tables: list[Table], text: str, params: Params) -> list[Table]:
    columns = _value(_argument(text, "columns"), params)
    return [Table(table.key, sorted(table.rows, key=lambda row: [row[name] for name in columns])) for table in tables]


def _limit(tables: list[Table], text: str, params: Params) -> list[Table]:
    count = _value(_argument(text, "n"), params)
    if not isinstance(count, int) or count <= 0:
        raise FluxError("n must be above 0")
    return [Table(table.key, table.rows[:count]) for table in tables]


def _pivot(tables: list[Table], text: str, params: Params) -> list[Table]:
    row_key, column_key = (_value(_argument(text, name), params) for name in ("rowKey", "columnKey"))
    value = _value(_argument(text, "valueColumn"), params)
    if (row_key, column_key, value) != (["_time"], ["_field"], "_value"):
        raise FluxError("only fields are made columns here")
    merged: dict[str, tuple[Row, dict[int, Row]]] = {}
    for table in tables:
        key = {name: part for name, part in table.key.items() if name != "_field"}
        _, rows = merged.setdefault(repr(key), (key, {}))
        for row in table.rows:
            rows.setdefault(row["_time"], {**key, "_time": row["_time"]})[row["_field"]] = row["_value"]
    return [Table(key, [rows[moment] for moment in sorted(rows)]) for key, rows in merged.values()]


_STAGES: dict[str, Callable[[list[Table], str, Params], list[Table]]] = {
    "first": _first, "last": _last, "count": _count, "group": _group, "keep": _keep, "sort": _sort,
    "limit": _limit, "pivot": _pivot,
}  # fmt: skip


def csv_of(tables: list[Table]) -> str:
    """The answer without annotations: an empty column first, lines that end in CR LF, a header where the columns change."""
    lines: list[str] = []
    before: list[str] | None = None
    for number, table in enumerate(tables):
        columns = table.columns
        if columns != before:
            lines += ([""] if before else []) + [",".join(["", "result", "table", *columns])]
            before = columns
        lines += [",".join(["", "_result", str(number), *(_cell(row.get(name)) for name in columns)]) for row in table.rows]
    return "\r\n".join([*lines, "", ""]) if lines else "\r\n"


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case Moment():
            return rfc3339(value)
        case float():
            text = format(Decimal(repr(value)), "f")
            return text.removesuffix(".0")
        case str() if re.search(r'[",\r\n]', value):
            return '"' + value.replace('"', '""') + '"'
        case _:
            return str(value)


def rfc3339(moment: int) -> str:
    """Nanoseconds as Go writes them: no more digits than there are."""
    from datetime import UTC, datetime, timedelta

    seconds, rest = divmod(moment, 1_000_000_000)
    whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    return f"{whole:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def nanoseconds(text: str) -> Moment:
    """An RFC 3339 time with up to nine digits of a second."""
    from datetime import datetime

    if (found := re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|\+00:00)", text)) is None:
        raise FluxError(f"invalid time {text!r}")
    whole = datetime.fromisoformat(f"{found[1]}+00:00") - datetime.fromisoformat("1970-01-01T00:00:00+00:00")
    return Moment((whole.days * 86_400 + whole.seconds) * 1_000_000_000 + int((found[2] or "").ljust(9, "0")))
