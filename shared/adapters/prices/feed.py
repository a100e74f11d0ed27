"""`PriceFeed`: series by their supplier's name, each day kept, asked for when its market has published it."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import pandas as pd

from shared.adapters.feeds.daily import Daily, Given
from shared.adapters.feeds.kept import Kept, Record
from shared.adapters.feeds.turns import Turns
from shared.adapters.prices.supplier import PriceSupplier, resolution_of
from shared.domain.errors import InvalidValueError
from shared.domain.time import Interval, local_days, zone
from shared.ports.errors import UnavailableError
from shared.ports.origin import Origin
from shared.ports.price_feed import PRICE_FEED_COLUMNS, PriceAnswer, PriceFeed

SOON = timedelta(minutes=10)
"""Between two questions for prices that should be published by now."""
GAPS_AGAIN = timedelta(hours=1)
"""Between two questions for what a day lacks, until `GAPS_FOR_GOOD` after its end."""
GAPS_FOR_GOOD = timedelta(days=2)
CORRECTIONS_AGAIN = timedelta(hours=6)
"""Between two questions for a complete day that has not ended."""


class SuppliedPrices:
    """`PriceFeed` of suppliers that are asked over the network, and of others that are feeds themselves, such as files."""

    def __init__(
        self, suppliers: Mapping[str, PriceSupplier], *, kept: Kept, turns: Mapping[str, Turns], others: Mapping[str, PriceFeed]
    ) -> None:
        self._suppliers, self._others = suppliers, others
        self._kept, self._turns = kept, turns

    def knows(self, series_id: str) -> bool:
        name, colon, _ = series_id.partition(":")
        return bool(colon) and (name in self._suppliers or name in self._others)

    def read(self, series_id: str, *, interval: Interval, now: datetime) -> PriceAnswer:
        name, _, series = series_id.partition(":")
        if name in self._others:
            return self._others[name].read(series_id, interval=interval, now=now)
        if not self.knows(series_id):
            known = ", ".join(f"{each}:..." for each in sorted({*self._suppliers, *self._others}))
            raise InvalidValueError("series", series_id, f"names no supplier; write one of {known}")
        supplier = self._suppliers[name]
        supplier.require(series)
        return _Series(supplier, series, kept=self._kept, turns=self._turns[name]).read(interval, now=now)


class _Series:
    """One series of one supplier."""

    def __init__(self, supplier: PriceSupplier, series: str, *, kept: Kept, turns: Turns) -> None:
        self._supplier, self._series, self._kept, self._turns = supplier, series, kept, turns
        self._zone = zone(supplier.market.timezone)

    def read(self, interval: Interval, *, now: datetime) -> PriceAnswer:
        days = [(day, whole) for day, whole in local_days(interval, self._zone) if self._announced_at(whole) <= now]
        if not days:
            raise UnavailableError(
                f"{self._supplier.name} has not published prices of {interval.start:%Y-%m-%d} yet;"
                f" its market does so at {self._supplier.market.announces:%H:%M} ({self._supplier.market.timezone}) of the day before"
            )
        found = self._daily(now).read([whole for _, whole in days], now=now)
        stamps = found.rows["timestamp"]
        rows = found.rows[(stamps >= interval.start) & (stamps < interval.end)]
        return PriceAnswer(
            prices=rows.reset_index(drop=True)[list(PRICE_FEED_COLUMNS)],
            currency=self._supplier.currency,
            tax=self._supplier.tax,
            origin=Origin(
                supplier=self._supplier.name,
                attribution=found.about["attribution"],
                licence_url=found.about["licence_url"],
                resolution=resolution_of(stamps),
                fetched_at=found.fetched_at,
                freshness=found.freshness,
                problem=found.problem,
            ),
        )

    def _daily(self, now: datetime) -> Daily:
        def ask(span: Interval) -> Given:
            quotes = self._supplier.ask(self._series, span)
            return Given(
                rows=quotes.prices.assign(published_at=pd.Timestamp(now).as_unit("us")),
                about={"attribution": quotes.attribution, "licence_url": quotes.licence_url},
            )

        return Daily(
            key=(self._supplier.name, "prices", self._series),
            kept=self._kept,
            turns=self._turns,
            ask=ask,
            due=lambda day, record: self._due(day, record, now),
            longest=self._supplier.longest,
            merge=lambda day, before, rows: self._merged(day, before, rows, now),
        )

    def _due(self, day: Interval, record: Record | None, now: datetime) -> bool:
        if record is None:
            return True
        age = now - record.fetched_at
        if _is_complete(record.rows, day):
            return day.end > now and age >= CORRECTIONS_AGAIN
        if now < day.start:
            return age >= SOON
        return record.fetched_at < day.end + GAPS_FOR_GOOD and age >= GAPS_AGAIN

    def _merged(self, day: Interval, before: Record | None, rows: pd.DataFrame, now: datetime) -> pd.DataFrame:
        """Every price with the moment at which it was known: a price that stays keeps its moment, a price left out stays."""
        if before is None or before.rows.empty:
            seen = now if now < day.start else min(now, self._announced_at(day))
            return rows.assign(published_at=pd.Timestamp(seen).as_unit("us"))
        old, new = before.rows.set_index("timestamp"), rows.set_index("timestamp")
        same = new["price_per_kwh"] == old["price_per_kwh"].reindex(new.index)
        merged = pd.concat([old[~old.index.isin(new.index[~same])], new[~same]]).sort_index()
        return merged.reset_index()[list(PRICE_FEED_COLUMNS)]

    def _announced_at(self, day: Interval) -> datetime:
        return self._supplier.market.announced_at(self._date(day))

    def _date(self, day: Interval) -> date:
        return day.start.astimezone(self._zone).date()


def _is_complete(rows: pd.DataFrame, day: Interval) -> bool:
    """Whether prices reach from the day's start to its end without a gap, each holding for their resolution."""
    if rows.empty:
        return False
    stamps = rows["timestamp"]
    step = resolution_of(stamps)
    whole = stamps.iloc[0] == day.start and stamps.iloc[-1] + step >= day.end
    return bool(whole and (stamps.diff().dropna() <= timedelta(hours=1)).all() and len(stamps) * step >= day.duration)
