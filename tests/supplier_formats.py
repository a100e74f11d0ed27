"""Rows of prices and weather as each public supplier would answer with them, by its documentation."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from tests.supplier_server import Answering, Question, Reply, as_json

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR, HALF, QUARTER = timedelta(hours=1), timedelta(minutes=30), timedelta(minutes=15)
TOKEN = "token-of-the-tests"  # noqa: S105  # opens nothing
GERMANY = "10Y1001A1001A82H"


def seconds(moment: datetime) -> int:
    return int((moment - EPOCH).total_seconds())


def within(rows: pd.DataFrame, start: float, end: float) -> list[tuple[datetime, float]]:
    """Time and price of the rows that begin in a stretch of seconds."""
    pairs = zip(rows["timestamp"], rows["price_per_kwh"].tolist(), strict=True)
    return [(stamp.to_pydatetime(), price) for stamp, price in pairs if start <= seconds(stamp) < end]


def number(price: float, scale: float) -> float | None:
    return None if np.isnan(price) else round(price * scale, 6)


def agile(rows: pd.DataFrame, step: timedelta = HALF, page: int = 100) -> Answering:
    """Pages of rates, newest first, in pence."""

    def answer(question: Question) -> Reply:
        if not question.path.startswith("/v1/products/AGILE-24-10-01/electricity-tariffs/E-1R-AGILE-24-10-01-C/standard-unit-rates"):
            return Reply(status=404, body=b'{"detail":"No EnergyProduct matches the given query."}')
        edges = [seconds(datetime.fromisoformat(question.query[name])) for name in ("period_from", "period_to")]
        found = within(rows, *edges)[::-1]
        first = (int(question.query.get("page", 1)) - 1) * page
        rates = [
            {
                "value_exc_vat": number(price / 1.05, 100), "value_inc_vat": number(price, 100), "payment_method": None,
                "valid_from": f"{stamp:%Y-%m-%dT%H:%M:%SZ}", "valid_to": f"{stamp + step:%Y-%m-%dT%H:%M:%SZ}",
            }
            for stamp, price in found[first : first + page]
        ]  # fmt: skip
        more = "https://api.octopus.energy/v1/products/?page=2" if len(found) > first + page else None
        return as_json({"count": len(found), "next": more, "previous": None, "results": rates})

    return answer


def awattar(rows: pd.DataFrame, step: timedelta = HOUR) -> Answering:
    """Milliseconds and EUR/MWh."""

    def answer(question: Question) -> Reply:
        found = within(rows, int(question.query["start"]) / 1000, int(question.query["end"]) / 1000)
        data = [
            {
                "start_timestamp": seconds(stamp) * 1000, "end_timestamp": seconds(stamp + step) * 1000,
                "marketprice": number(price, 1000), "unit": "Eur/MWh",
            }
            for stamp, price in found
        ]  # fmt: skip
        return as_json({"object": "list", "data": data, "url": "/de/v1/marketdata"})

    return answer


def energy_charts(
    rows: pd.DataFrame, licence: str = "CC BY 4.0 (creativecommons.org/licenses/by/4.0) from Bundesnetzagentur | SMARD.de"
) -> Answering:
    """Columns, and 404 where there is nothing."""

    def answer(question: Question) -> Reply:
        found = within(rows, int(question.query["start"]), int(question.query["end"]) + 1)
        if question.query["bzn"] != "DE-LU":
            return Reply(status=400, body=b'{"detail":"Bad Request"}')
        if not found:
            return Reply(status=404, body=b'{"detail":"no content available"}')
        return as_json({
            "license_info": licence, "unix_seconds": [seconds(stamp) for stamp, _ in found],
            "price": [number(price, 1000) for _, price in found], "unit": "EUR / MWh", "deprecated": False,
        })  # fmt: skip

    return answer


def entsoe(rows: pd.DataFrame, step: timedelta = QUARTER) -> Answering:
    """A series for each stretch without a gap; positions whose price repeats the one before are left out."""

    def answer(question: Question) -> Reply:
        if question.query.get("securityToken") != TOKEN:
            return Reply(status=401, body=b"<html><body>Unauthorized</body></html>")
        start, end = (datetime.strptime(question.query[name], "%Y%m%d%H%M").replace(tzinfo=UTC) for name in ("periodStart", "periodEnd"))
        found = [(stamp, price) for stamp, price in within(rows, seconds(start), seconds(end)) if not np.isnan(price)]
        if not found:
            return Reply(body=acknowledgement("999", "No matching data found for Data item ENERGY_PRICES [12.1.D]"))
        stretches: list[list[tuple[datetime, float]]] = []
        for stamp, price in found:
            if not stretches or stretches[-1][-1][0] + step != stamp:
                stretches.append([])
            stretches[-1].append((stamp, price))
        return Reply(body=publication("".join(series_of(part, step) for part in stretches)))

    return answer


def series_of(part: list[tuple[datetime, float]], step: timedelta, *, sequence: int | None = None, curve: str = "A03") -> str:
    """A TimeSeries of one period."""
    points, last = [], None
    for position, (_, price) in enumerate(part, start=1):
        if price != last or curve != "A03":
            points.append(f"<Point><position>{position}</position><price.amount>{round(price * 1000, 6)}</price.amount></Point>")
        last = price
    tag = "classificationSequence_AttributeInstanceComponent.position"
    auction = f"<{tag}>{sequence}</{tag}>" if sequence else ""
    return (
        "<TimeSeries><mRID>1</mRID><auction.type>A01</auction.type><businessType>A62</businessType>"
        f"<in_Domain.mRID codingScheme='A01'>{GERMANY}</in_Domain.mRID><out_Domain.mRID codingScheme='A01'>{GERMANY}</out_Domain.mRID>"
        "<contract_MarketAgreement.type>A01</contract_MarketAgreement.type><currency_Unit.name>EUR</currency_Unit.name>"
        f"<price_Measure_Unit.name>MWH</price_Measure_Unit.name>{auction}<curveType>{curve}</curveType>"
        f"<Period><timeInterval><start>{part[0][0]:%Y-%m-%dT%H:%MZ}</start><end>{part[-1][0] + step:%Y-%m-%dT%H:%MZ}</end></timeInterval>"
        f"<resolution>PT{int(step.total_seconds() // 60)}M</resolution>{''.join(points)}</Period></TimeSeries>"
    )


def publication(series: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?><Publication_MarketDocument '
        'xmlns="urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3"><mRID>8116</mRID><revisionNumber>1</revisionNumber>'
        f"<type>A44</type><createdDateTime>2026-03-01T12:00:00Z</createdDateTime>{series}</Publication_MarketDocument>"
    ).encode()


def acknowledgement(code: str, text: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?><Acknowledgement_MarketDocument '
        'xmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0"><mRID>a</mRID>'
        f"<Reason><code>{code}</code><text>{text}</text></Reason></Acknowledgement_MarketDocument>"
    ).encode()


@dataclass(frozen=True, kw_only=True)
class Format:
    """How a supplier of prices is asked for, in which steps it gives prices, and how."""

    series_id: str
    step: timedelta
    timezone: str = "Europe/Berlin"
    answering: Callable[[pd.DataFrame], Answering]


PRICE_FORMATS = {
    "agile": Format(series_id="agile:AGILE-24-10-01:C", step=HALF, answering=agile),
    "awattar": Format(series_id="awattar:DE", step=HOUR, answering=awattar),
    "energy-charts": Format(series_id="energy-charts:DE-LU", step=QUARTER, answering=energy_charts),
    "entsoe": Format(series_id=f"entsoe:{GERMANY}", step=QUARTER, answering=entsoe),
}


def price_file(folder: Path, rows: pd.DataFrame) -> str:
    """The series of a CSV file with zone-named local times, as people write them."""
    local = rows["timestamp"].dt.tz_convert("Europe/Berlin").dt.tz_localize(None)
    rows.assign(timestamp=local.dt.strftime("%Y-%m-%d %H:%M")).to_csv(folder / "prices.csv", index=False)
    return f"file:{folder / 'prices.csv'}#Europe/Berlin"


UNITS = {
    "temperature_2m": "°C", "shortwave_radiation": "W/m²", "direct_normal_irradiance": "W/m²", "diffuse_radiation": "W/m²",
    "cloud_cover": "%", "wind_speed_10m": "m/s", "relative_humidity_2m": "%", "precipitation": "mm",
}  # fmt: skip


def open_meteo(rows: pd.DataFrame) -> Answering:
    """Hourly rows of our means as the supplier stamps them: radiation at the end of its hour, temperature of the moment."""
    rows = rows.drop_duplicates("timestamp", keep="last").sort_values("timestamp", ignore_index=True)
    ends = {seconds(stamp) + 3600: ghi for stamp, ghi in zip(rows["timestamp"], rows["ghi_w_m2"].tolist(), strict=True)}
    moments = {seconds(rows["timestamp"][0]): rows["temperature_celsius"][0]} if len(rows) else {}
    for stamp, mean in zip(rows["timestamp"], rows["temperature_celsius"].tolist(), strict=True):
        moments[seconds(stamp) + 3600] = 2.0 * mean - moments[seconds(stamp)]

    def answer(question: Question) -> Reply:
        if "start_date" in question.query:
            first, last = (datetime.fromisoformat(question.query[name]).replace(tzinfo=UTC) for name in ("start_date", "end_date"))
        else:
            first = rows["timestamp"][0].to_pydatetime().replace(hour=0)
            last = first + timedelta(days=int(question.query["forecast_days"]) - 1)
        stamps = list(range(seconds(first), seconds(last + timedelta(days=1)), 3600))
        asked = question.query["hourly"].split(",")
        columns: dict[str, list[float | None]] = {}
        for name in asked:
            values = {"temperature_2m": moments, "shortwave_radiation": ends}.get(name.split("_previous_day")[0], {})
            columns[name] = [None if values.get(stamp) is None or np.isnan(values[stamp]) else values[stamp] for stamp in stamps]
        return as_json({
            "latitude": 52.52, "longitude": 13.41, "generationtime_ms": 0.1, "utc_offset_seconds": 0, "timezone": "GMT", "elevation": 38.0,
            "hourly_units": {"time": "unixtime", **{name: UNITS[name.split("_previous_day")[0]] for name in asked}},
            "hourly": {"time": stamps, **columns},
        })  # fmt: skip

    return answer
