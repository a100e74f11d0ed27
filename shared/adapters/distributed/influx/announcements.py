"""`EdgeAnnouncements` as points of two measurements beside the readings.

`announced_site`: one point for each announcement, under the server's own time, so the newest is the one that counts whatever
the gateways' clocks say, and it lives as long as the bucket keeps data from then on. InfluxDB takes texts of at most 64 KB, so
the document is cut into fields `part_0`, `part_1`, ...; `parts` says how many belong to it.

`announced_price`: one point for each publication of a price at the time of the price, the moment of publication a tag.
`present` is 0 where the price is missing: InfluxDB merges a point written again field by field, and has no missing value.
"""

import json
import math
from collections.abc import Iterator
from urllib.parse import quote

import pandas as pd

from shared.adapters.distributed.influx import queries
from shared.adapters.distributed.influx.lines import quoted
from shared.adapters.distributed.influx.points import EVER, Points
from shared.adapters.embedded import price_table
from shared.adapters.embedded.columns import floats, utc_column
from shared.contracts.sites import SiteDocument, TariffDocument
from shared.domain.site import Site
from shared.domain.tariff import Tariff
from shared.domain.time import Interval

LONGEST_TEXT = 30_000
"""Characters of a field: with every one of them escaped still within the 64 KB that InfluxDB takes."""


class InfluxAnnouncements:
    """What gateways say of their sites in one bucket."""

    def __init__(self, points: Points) -> None:
        self._points = points

    def announce_site(self, site: Site, tariff: Tariff) -> None:
        documents = {"site": SiteDocument.from_domain(site), "tariff": TariffDocument.from_domain(tariff)}
        text = json.dumps({name: document.model_dump(mode="json") for name, document in documents.items()})  # ASCII: bytes are characters
        parts = [text[first : first + LONGEST_TEXT] for first in range(0, len(text), LONGEST_TEXT)]
        fields = [f"part_{number}={quoted(part)}" for number, part in enumerate(parts)]
        self._points.write([f'{queries.SITE_MEASUREMENT},site_id={site.site_id} {",".join(fields)},parts="{len(parts)}"'])

    def sites(self) -> list[tuple[Site, Tariff]]:
        table = self._points.ask(queries.SITES, EVER, kinds=queries.SITE_KINDS)
        return [_announcement(rows) for _, rows in table.groupby("site_id")] if len(table) else []

    def announce_prices(self, series_id: str, prices: pd.DataFrame) -> int:
        rows = price_table.rows(prices)
        return self._points.write(_price_lines(quote(series_id, safe=""), rows))

    def prices(self, *, series_id: str, interval: Interval) -> pd.DataFrame:
        within = interval.intersection(EVER)
        if within is None:
            return _prices(pd.DataFrame())
        return _prices(self._points.ask(queries.PRICES, within, kinds=queries.PRICE_KINDS, _series=quote(series_id, safe="")))


def _announcement(fields: pd.DataFrame) -> tuple[Site, Tariff]:
    """The newest announcement of a site, of the last values of all its fields: longer ones of before have left parts behind."""
    newest = fields[fields["_time"] == fields["_time"].max()].set_index("_field")["_value"]
    document = json.loads("".join(newest[f"part_{number}"] for number in range(int(newest["parts"]))))
    return SiteDocument.model_validate(document["site"]).to_domain(), TariffDocument.model_validate(document["tariff"]).to_domain()


def _price_lines(series: str, rows: list[price_table.Row]) -> Iterator[str]:
    for stamp, published, price in rows:
        missing = math.isnan(price)
        value = "" if missing else f",price_per_kwh={price!r}"
        yield f"{queries.PRICE_MEASUREMENT},published_us={published},series_id={series} present={0 if missing else 1}i{value} {stamp}"


def _prices(table: pd.DataFrame) -> pd.DataFrame:
    """An answer as the port's frame, sorted."""
    if table.empty:
        return pd.DataFrame({"timestamp": utc_column([]), "price_per_kwh": floats([]), "published_at": utc_column([])})
    table = table.sort_values(["_time", "published_us"], ignore_index=True)
    prices = table.reindex(columns=["price_per_kwh"])["price_per_kwh"].astype("float64")
    return pd.DataFrame(
        {
            "timestamp": table["_time"],
            "price_per_kwh": prices.where(table["present"] == 1),
            "published_at": utc_column(table["published_us"].to_numpy(dtype="int64")),
        }
    )
